"""What a stream says while it is heard."""

from dataclasses import dataclass

from asr.transcribe.transcript import Word


@dataclass(frozen=True)
class Partial:
    """The utterance that is open, as far as it is heard: it replaces the one before, and may change."""

    text: str
    words: tuple[Word, ...]  # where the transcriber gives them; seconds since the beginning of the stream
    start: float  # seconds since the beginning of the stream


@dataclass(frozen=True)
class Final:
    """An utterance, or a part of a long one, that will not change any more."""

    text: str  # empty where there was sound and no word: what the partials said is void
    words: tuple[Word, ...]  # where the transcriber gives them; seconds since the beginning of the stream
    start: float  # seconds since the beginning of the stream
    end: float
    pause: bool  # False where it was cut because it got too long


Update = Partial | Final


@dataclass(frozen=True)
class Delay:
    """How far what is said is behind the sound, in seconds, at most. Computing comes on top of it."""

    partial: float  # from the end of a word until it is in a partial result
    final: float  # from the end of the speech until its final result
    longest: float  # from the beginning of speech that knows no pause until its first final result
