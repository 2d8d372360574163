"""What a live session is set to, by `session.update` of OpenAI's realtime interface."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

RATES = (8_000, 48_000)  # Hz: from, to
PAUSES = (0.2, 5.0)  # seconds: from, to
LOGPROBS = "item.input_audio_transcription.logprobs"


class SessionError(Exception):
    """Something that a client sent cannot be.

    Args:
        message: for whoever sent it.
        code: for programs.
        param: the field that it is about.
        fatal: the session ends.
    """

    def __init__(self, message: str, code: str, param: str | None = None, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.code, self.param, self.fatal = code, param, fatal


@dataclass(frozen=True)
class LiveSettings:
    """Of one session."""

    model: str
    rate: int = 24_000  # Hz of the audio that comes
    pause: float = 0.4  # seconds without speech that end an item
    language: str | None = None  # as the client has it; it changes nothing
    logprobs: bool = False

    @property
    def fixed(self) -> tuple[str, int, float]:
        """What cannot be changed once audio has come."""
        return self.model, self.rate, self.pause

    @property
    def described(self) -> dict[str, Any]:
        """As a session object has it."""
        heard: dict[str, Any] = {
            "format": {"type": "audio/pcm", "rate": self.rate},
            "noise_reduction": None,
            "transcription": {"model": self.model, "language": self.language},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": round(1000 * self.pause)},
        }
        return {"include": [LOGPROBS] if self.logprobs else None, "audio": {"input": heard}}

    def updated(self, session: object, models: Sequence[str]) -> "LiveSettings":
        """As a client wants it; what it does not name stays.

        Args:
            models: that there are.

        Raises:
            SessionError: a value that cannot be honoured.
        """
        tree = _table(session, "session")
        if tree.get("type", "transcription") != "transcription":
            raise _wrong("session.type", "only sessions of type transcription are served")
        include = tree.get("include") or []
        if not isinstance(include, list) or any(value != LOGPROBS for value in include):
            raise _wrong("session.include", f"expected [] or [{LOGPROBS!r}]")
        new = replace(self, logprobs=bool(include)) if "include" in tree else self
        heard = _table(_table(tree.get("audio"), "session.audio").get("input"), "session.audio.input")
        new = replace(new, rate=_rate(heard["format"])) if heard.get("format") is not None else new
        new = new._with_transcription(heard.get("transcription"), models)
        if heard.get("noise_reduction") is not None:
            raise _wrong("session.audio.input.noise_reduction", "noise is not reduced; leave it out")
        return new._with_turns(heard)

    def _with_transcription(self, transcription: object, models: Sequence[str]) -> "LiveSettings":
        tree = _table(transcription, "session.audio.input.transcription")
        model, language = tree.get("model", self.model), tree.get("language", self.language)
        if model not in models:
            raise _wrong("session.audio.input.transcription.model", f"this server has {', '.join(models)}")
        if language is not None and not isinstance(language, str):
            raise _wrong("session.audio.input.transcription.language", "expected the code of a language")
        return replace(self, model=model, language=language)

    def _with_turns(self, heard: dict[str, Any]) -> "LiveSettings":
        where = "session.audio.input.turn_detection"
        tree = _table(heard.get("turn_detection"), where)
        if tree.get("type", "server_vad") != "server_vad":
            raise _wrong(where, "expected type server_vad: items end at pauses")
        milliseconds = tree.get("silence_duration_ms")
        if milliseconds is None:
            return self
        least, most = PAUSES
        if not isinstance(milliseconds, int | float) or not least <= milliseconds / 1000 <= most:
            raise _wrong(where, f"silence_duration_ms: expected {1000 * least:g} to {1000 * most:g}")
        return replace(self, pause=milliseconds / 1000)


def _rate(form: object) -> int:
    where = "session.audio.input.format"
    tree = _table(form, where)
    if tree.get("type", "audio/pcm") != "audio/pcm":
        raise _wrong(where, "expected type audio/pcm: 16 bits, little-endian, mono")
    rate = tree.get("rate", 24_000)
    least, most = RATES
    if not isinstance(rate, int) or not least <= rate <= most:
        raise _wrong(where, f"rate: expected {least} to {most} Hz")
    return rate


def _table(value: object, where: str) -> dict[str, Any]:
    """A JSON object; null is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(where, "expected an object")
    return value


def _wrong(where: str, message: str) -> SessionError:
    return SessionError(message, "invalid_value", where)
