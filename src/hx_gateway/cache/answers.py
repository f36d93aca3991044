"""What is kept, for whom, and for how long: the rules of the answer cache. Where is a shelf's."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from hx_gateway.cache.batch import inputs_of, joined
from hx_gateway.cache.entry import Entry, Found
from hx_gateway.cache.exact import Shelf
from hx_gateway.cache.key import Circle, alike_of, name_of, name_of_all, names_of, version_of
from hx_gateway.cache.pace import Pace
from hx_gateway.cache.question import Part, Question
from hx_gateway.cache.verdict import is_worth_keeping
from hx_gateway.core.answers import answer_label
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.chat import Chat
from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.event import Event
from hx_gateway.core.principal import Principal
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.core.usage import Usage

_JITTER = 0.1  # of the life time, so that what was kept together does not end together
_SEMANTIC_MESSAGES = 4
_MAX_VERSIONS = 10_000
_KINDS = {
    Operation.COMPLETE: "text_completion",
    Operation.EMBED: "embedding",
    Operation.RERANK: "rerank",
    Operation.TRANSCRIBE: "transcription",
}
_CHATS = {"anthropic_messages": "anthropic_messages", "openai_responses": "responses"}
ReadChat = Callable[[Call], Chat | None]


class AnswerCache:
    """The answer cache of one snapshot. It decides; looking and keeping is its shelf's work."""

    def __init__(
        self,
        settings: CacheSettings,
        shelf: Shelf,
        clock: Clock,
        random: Random,
        *,
        heeds_origin: bool = False,
        groups: Iterable[Sequence[Route]] = (),
    ) -> None:
        """`heeds_origin`: who asks, with which tags and from where, decides which upstream may.

        `groups` are routes that give one another's answers.
        """
        self.settings = settings
        self.shelf = shelf
        self._clock = clock
        self._random = random
        self._heeds_origin = heeds_origin
        most = settings.max_messages
        self._most_messages = _SEMANTIC_MESSAGES if most is None else most
        self._operations = frozenset(settings.operations)
        self._versions: dict[str, tuple[Route, str]] = {}
        self._groups = {
            route.name: ("\0".join(sorted(each.name for each in group)), version_of(*group))
            for group in reversed([*groups])  # of several, the first counts, as in LiteLLM
            for route in group
        }

    def concerns(self, call: Call) -> bool:
        """Say whether anything may be looked up or kept for a call."""
        wish = call.cache or CacheWish()
        is_wanted = wish.uses or self.settings.mode == "default_on"
        is_named = is_wanted and kind_of(call) in self._operations
        return is_named and (wish.reads or wish.writes)

    async def question(
        self, call: Call, principal: Principal, route: Route, read: ReadChat
    ) -> Question | None:
        """Make a question of a call; None when nothing is to be looked up or kept for it.

        The tenant is the caller's own; nothing in a request can change it. `read` understands a
        chat, and is used only where prompts are compared.
        """
        if not self.concerns(call):
            return None
        settings, wish = self.settings, call.cache or CacheWish()
        circle = self._circle(call, principal, route, wish)
        parts = await _parts(call, circle)
        name = _name(call, circle, parts)
        if name is None:
            return None
        alike = None
        if settings.is_semantic or settings.max_messages is not None:
            chat = read(call)
            if chat is not None and len(chat.messages) > self._most_messages:
                return None
            if settings.is_semantic:
                alike = alike_of(call, chat, circle) if chat is not None else None
                if alike is None:
                    return None
        return Question(
            call=call,
            tenant=principal.tenant,
            name=name,
            ttl_s=settings.ttl if wish.ttl_s is None else wish.ttl_s,
            reads=wish.reads,
            writes=wish.writes,
            max_age_s=wish.max_age_s,
            alike=alike,
            parts=parts if len(parts) > 1 else (),
        )

    async def find(self, question: Question) -> Found | None:
        """Find a kept answer that is young enough; raises DependencyError."""
        if question.parts:
            entries = [entry for entry in await self.find_parts(question) if entry is not None]
            is_whole = len(entries) == len(question.parts)
            return await self._joined(question, entries) if is_whole else None
        found = await self.shelf.find(question)
        return found if found is not None and self.suits(question, found) else None

    async def find_parts(self, question: Question) -> list[Entry | None]:
        """Find the answers to the parts of a question that are young enough, in their order.

        Raises DependencyError.
        """
        found = await self.shelf.find_all([question.of(part) for part in question.parts])
        return [
            None if one is None or not self.suits(question, one) else one.entry for one in found
        ]

    async def _joined(self, question: Question, entries: Sequence[Entry]) -> Found | None:
        try:
            body = await joined([entry.body for entry in entries], Pace())
        except (KeyError, msgspec.DecodeError):
            return None
        first = min(entries, key=lambda entry: entry.created_at)
        usages = [entry.usage for entry in entries if entry.usage is not None]
        usage = Usage(input=sum(each.input for each in usages)) if usages else None
        return self.found(question, msgspec.structs.replace(first, body=body, usage=usage))

    def suits(self, question: Question, found: Found) -> bool:
        """Say whether an answer is young enough for a question."""
        if question.max_age_s is None:
            return True
        return self._clock.now() - found.entry.created_at <= question.max_age_s

    def entry(
        self,
        question: Question,
        body: bytes,
        events: Sequence[Event] | None,
        usage: Usage | None,
        deployment: Deployment | None,
        media: str | None = None,
    ) -> Entry | None:
        """Make an entry of a whole answer; None when it is not worth keeping.

        `events` are those of the answer, None for answers that are always complete (vectors).
        """
        if len(body) > self.settings.max_entry_bytes * max(len(question.parts), 1):
            return None
        if events is not None and not is_worth_keeping(events, self.settings):
            return None
        return Entry(
            tenant=question.tenant,
            dialect=question.call.dialect,
            body=body,
            created_at=self._clock.now(),
            usage=usage,
            deployment_id=None if deployment is None else deployment.id,
            provider=None if deployment is None else deployment.provider.name,
            upstream_model=None if deployment is None else deployment.model,
            media=media,
        )

    def found(self, question: Question, entry: Entry) -> Found:
        """Give a new answer the form of one that was found, for those who waited for it."""
        return Found(entry=entry, label=answer_label(question.tenant, question.name))

    async def keep(self, question: Question, entry: Entry) -> None:
        """Keep an answer for its life time, give or take a tenth."""
        spread = 1 - _JITTER + 2 * _JITTER * self._random.random()
        await self.shelf.keep(question, entry, question.ttl_s * spread)

    def _circle(self, call: Call, principal: Principal, route: Route, wish: CacheWish) -> Circle:
        group = self._groups.get(route.name)
        return Circle(
            tenant=principal.tenant,
            scope=self._scope(call, principal),
            namespace=wish.namespace,
            model=call.model if group is None else group[0],
            version=self._version(route) if group is None else group[1],
        )

    def _scope(self, call: Call, principal: Principal) -> str:
        scope = self.settings.scope or ("key" if self.settings.is_semantic else "tenant")
        parts: list[object] = []
        if self._heeds_origin:
            of_key = principal.metadata
            parts += [call.tags, of_key.get("tags"), of_key.get("allowed_model_region")]
        if scope in {"key", "end_user"}:
            parts += [principal.key_id, principal.team_id, principal.organization_id]
        elif scope == "team":
            parts += [principal.team_id, principal.organization_id]
        if scope == "end_user":
            parts.append(_end_user(call))
        return msgspec.json.encode([scope, parts]).decode()

    def _version(self, route: Route) -> str:
        known = self._versions.get(route.name)
        if known is None or known[0] is not route:
            if len(self._versions) >= _MAX_VERSIONS:  # names come from callers (wildcards)
                self._versions.clear()
            known = self._versions[route.name] = (route, version_of(route))
        return known[1]


def _name(call: Call, circle: Circle, parts: Sequence[Part]) -> str | None:
    """Name a question; one input is the same alone and in a list."""
    if len(parts) > 1:
        return name_of_all([part.name for part in parts])
    return parts[0].name if parts else name_of(call, circle)


async def _parts(call: Call, circle: Circle) -> tuple[Part, ...]:
    """Split a call for embeddings that has a list of inputs; everything else has no parts."""
    if call.operation is not Operation.EMBED:
        return ()
    inputs = inputs_of(call.fields)
    names = await names_of(call, circle, "input", inputs, Pace()) if inputs else []
    return tuple(Part(name=name, input=value) for name, value in zip(names, inputs, strict=False))


def kind_of(call: Call) -> str | None:
    """Name what a call asks for as LiteLLM's `supported_call_types` do."""
    if call.operation is Operation.CHAT:
        return _CHATS.get(call.dialect, "completion")
    return _KINDS.get(call.operation)


class _Metadata(msgspec.Struct):
    user_id: str | None = None


def _end_user(call: Call) -> str | None:
    """Find the end user whom a call names: `user`, else `metadata.user_id`."""
    for field, type_ in (("user", str | None), ("metadata", _Metadata | None)):
        try:
            value = msgspec.json.decode(call.fields.get(field, b"null"), type=type_)
        except msgspec.DecodeError:
            continue
        if value is not None:
            return value.user_id if isinstance(value, _Metadata) else str(value)
    return None
