"""The kinds of faults: what each is, and what `asr check --fix` does about it unless it is told otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Action = Literal["remove", "mend", "warn"]


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    action: Action  # by default; of a part called test nothing is removed unless it is asked for by name
    title: str
    advice: str


_KINDS = (
    # Audio.
    Kind("broken", "remove", "audio that cannot be read", "get the file again, or leave it out"),
    Kind("silent", "remove", "no sound in it", "record it again, or leave it out"),
    Kind("empty", "remove", "almost nothing in it", "record it again, or leave it out"),
    Kind("duration", "mend", "another duration than declared", "write the true one"),
    Kind("rate", "mend", "another sample rate than declared", "write the true one"),
    Kind("cut", "warn", "begins or ends in the middle of a sound", "listen; the text may say more than the audio"),
    Kind("clipped", "warn", "clipped", "record it at a lower level; training can stand some of it"),
    Kind("offset", "warn", "direct current (DC offset)", "filter it out with a high-pass of 20 Hz"),
    Kind("narrow", "warn", "less bandwidth than its sample rate allows", "find out how it came to that rate"),
    # Copies.
    Kind("contradiction", "remove", "one recording with two texts", "find out which text is right"),
    Kind("duplicate", "remove", "the same samples again", "keep one"),
    Kind("copy", "remove", "the same recording again, changed", "keep one"),
    Kind("leak", "remove", "a recording of another part", "leave it out of what is trained on"),
    Kind("shared-text", "warn", "a sentence of another part", "say so beside the score, or leave it out"),
    Kind("shared-speaker", "warn", "a speaker of another part", "put all of a speaker into one part"),
    Kind("near-text", "warn", "nearly the same sentence", "see whether one of them is a slip"),
    # Texts.
    Kind("id", "warn", "an id that is there twice", "give each utterance an id of its own"),
    Kind("no-text", "remove", "no text", "write what is said, or leave it out"),
    Kind("too-long", "remove", "more text than can be said in the time", "see whether the audio is cut off"),
    Kind("too-short", "warn", "little text for so much audio", "see whether the text is whole"),
    Kind("encoding", "mend", "characters that came through a wrong encoding", "decode the file as UTF-8"),
    Kind("invisible", "mend", "invisible or control characters", "take them out"),
    Kind("lookalike", "mend", "letters of another alphabet that look alike", "write those of the main one"),
    Kind("script", "warn", "letters of another script", "see whether it is the corpus's language"),
    Kind("character", "warn", "a character that hardly occurs", "see whether it is a slip"),
    Kind("markup", "warn", "markup", "take it out; a recogniser cannot hear it"),
    Kind("number", "warn", "numbers in digits", "write them as they were said"),
    # By a model.
    Kind("shifted", "remove", "the text of a neighbour", "give each recording its own text"),
    Kind("transcript", "remove", "not what is heard", "listen, and mend the text"),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True)
class Finding:
    """One fault of one utterance, or of a whole part."""

    kind: str
    part: str
    row: int  # line in its part, from 0; -1: about the part
    id: str
    file: str
    found: str  # in words
    badness: float = 0.0  # the worse the higher, among those of its kind
    others: tuple[str, ...] = ()  # PART/ID of the utterances that it is about, too
    mended: Mapping[str, str | float | int] | None = None  # what to write into its line instead
