"""System messages for servers whose chat templates take one, and only at the beginning.

Agents send more of them on the way (https://github.com/ollama/ollama/issues/17774). These become
part of what was said before them, in tags: moved to the beginning they would change it with every
turn, and no server could keep what it has read of the conversation.
"""

from msgspec.structs import replace

from hx_gateway.core.chat import Message, Part, Role, Text, ToolResult


def with_one_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Join the first system messages into one text, and say all later ones in place."""
    if not any(message.role is Role.SYSTEM for message in messages):
        return messages
    first = next((i for i, m in enumerate(messages) if m.role is not Role.SYSTEM), len(messages))
    told = list(_joined(messages[:first]))
    open_ = False  # whether the last message is the user's only because the system spoke there
    for message in messages[first:]:
        if message.role is Role.SYSTEM:
            open_ = _tell(told, _tagged(message.parts)) or open_
        elif open_ and message.role is Role.USER:
            told[-1] = replace(told[-1], parts=(*told[-1].parts, *message.parts))
            open_ = False
        else:
            told.append(message)
            open_ = False
    return tuple(told)


def _joined(systems: tuple[Message, ...]) -> list[Message]:
    if not systems:
        return []
    parts = [part for message in systems for part in message.parts]
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) < len(parts) or (len(systems) == 1 and len(parts) == 1):
        return list(systems)
    return [replace(systems[0], parts=(Text(text="\n\n".join(texts)),))]


def _tagged(parts: tuple[Part, ...]) -> Text:
    texts = [part.text for part in parts if isinstance(part, Text)]
    return Text(text="\n".join(("<system>", *texts, "</system>")))


def _tell(told: list[Message], text: Text) -> bool:
    """Add a text to what was said last, if that was not the model; tells if it stands alone."""
    last = told[-1]
    if last.role is Role.USER:
        told[-1] = replace(last, parts=(*last.parts, text))
        return False
    if last.role is Role.TOOL and isinstance(result := last.parts[-1], ToolResult):
        answered = replace(result, parts=(*result.parts, text))
        told[-1] = replace(last, parts=(*last.parts[:-1], answered))
        return False
    told.append(Message(role=Role.USER, parts=(text,)))
    return True
