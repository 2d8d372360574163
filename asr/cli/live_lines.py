"""How what is heard live is shown: a line of a terminal that is written again and again, or lines for programs."""

import json
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.transcribe.live.update import Update

CLEAR = "\r\x1b[K"  # to the beginning of the line, and what is in it is gone


class TextLines:
    """Finals on lines of their own. On a terminal the last line says what was heard since, or its end."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()

    def show(self, updates: "Iterable[Update]") -> None:
        from asr.transcribe.live.update import Final

        for update in updates:
            if isinstance(update, Final):
                line = f"{update.text}\n" if update.text else ""
                sys.stdout.write(f"{CLEAR}{line}" if self._terminal else line)
            elif self._terminal:
                sys.stdout.write(CLEAR + _fitting(update.text, shutil.get_terminal_size().columns - 1))
            sys.stdout.flush()

    def close(self) -> None:
        """Leaves nothing behind that is not final."""
        if self._terminal:
            sys.stdout.write(CLEAR)
            sys.stdout.flush()


class JsonLines:
    """A line of JSON for each update, with `type` partial or final."""

    def show(self, updates: "Iterable[Update]") -> None:
        for update in updates:
            print(json.dumps(json_of(update), ensure_ascii=False), flush=True)

    def close(self) -> None:
        """Nothing is left."""


def json_of(update: "Update") -> dict[str, Any]:
    """What a line says. Seconds since the beginning, to the millisecond."""
    from asr.transcribe.live.update import Final

    words = [
        {
            "word": word.word,
            "start": round(word.start, 3),
            "end": round(word.end, 3),
            "confidence": None if word.confidence is None else round(word.confidence, 4),
        }
        for word in update.words
    ]
    kind = "final" if isinstance(update, Final) else "partial"
    found = {"type": kind, "text": update.text, "start": round(update.start, 3)}
    if isinstance(update, Final):
        found |= {"end": round(update.end, 3), "pause": update.pause}
    return found | {"words": words}


def _fitting(text: str, width: int) -> str:
    """The end of a text that is too long for the line."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"
