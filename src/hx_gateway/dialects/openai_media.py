"""Which operations OpenAI has beside text: moderations, pictures, speech, transcription.

Format: https://platform.openai.com/docs/api-reference (moderations, images, audio).
"""

from collections.abc import Mapping
from types import MappingProxyType

from hx_gateway.core.call import Operation
from hx_gateway.core.provider import WayIn, WayOut
from hx_gateway.dialects.opaque import OpaqueIn, OpaqueOut

MODERATIONS = OpaqueOut(name="openai_moderations", path="/moderations", required=("input",))
IMAGES = OpaqueOut(
    name="openai_images",
    path="/images/generations",
    required=("prompt",),
    ends=frozenset({"image_generation.completed"}),
    counts_images=True,
)
IMAGE_EDITS = OpaqueOut(
    name="openai_image_edits",
    path="/images/edits",
    required=("prompt",),
    required_in_form=(("image", "image[]", "images", "images[]"), ("prompt",)),
    ends=frozenset({"image_edit.completed"}),
    counts_images=True,
)
IMAGE_VARIATIONS = OpaqueOut(
    name="openai_image_variations",
    path="/images/variations",
    required_in_form=(("image",),),
    counts_images=True,
)
SPEECH = OpaqueOut(
    name="openai_speech",
    path="/audio/speech",
    required=("input",),
    ends=frozenset({"speech.audio.done"}),
)
TRANSCRIPTIONS = OpaqueOut(
    name="openai_transcriptions",
    path="/audio/transcriptions",
    required_in_form=(("file",),),
    ends=frozenset({"transcript.text.done"}),
)
TRANSLATIONS = OpaqueOut(
    name="openai_audio_translations",
    path="/audio/translations",
    required_in_form=(("file",),),
)

_OUTS = (
    MODERATIONS,
    IMAGES,
    IMAGE_EDITS,
    IMAGE_VARIATIONS,
    SPEECH,
    TRANSCRIPTIONS,
    TRANSLATIONS,
)
WAYS_IN: tuple[WayIn, ...] = tuple(OpaqueIn(out.name) for out in _OUTS)

# What a vendor's table of formats says of these: all, or those that it has.
ALL: Mapping[Operation, tuple[WayOut, ...]] = MappingProxyType(
    {
        Operation.MODERATE: (MODERATIONS,),
        Operation.IMAGE: (IMAGES,),
        Operation.IMAGE_EDIT: (IMAGE_EDITS,),
        Operation.IMAGE_VARIATION: (IMAGE_VARIATIONS,),
        Operation.SPEECH: (SPEECH,),
        Operation.TRANSCRIBE: (TRANSCRIPTIONS,),
        Operation.TRANSLATE_AUDIO: (TRANSLATIONS,),
    }
)


def some(*operations: Operation) -> Mapping[Operation, tuple[WayOut, ...]]:
    """Give the formats of some operations."""
    return {operation: ALL[operation] for operation in operations}
