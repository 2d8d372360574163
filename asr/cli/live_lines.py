"""How what is heard live is shown: a line of a terminal that is written again and again, or lines for programs."""

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable
from itertools import accumulate
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
    from asr.transcribe.files.formats import word_json
    from asr.transcribe.live.update import Final

    kind = "final" if isinstance(update, Final) else "partial"
    found = {"type": kind, "text": update.text, "start": round(update.start, 3)}
    if isinstance(update, Final):
        found |= {"end": round(update.end, 3), "pause": update.pause}
    return found | {"words": [word_json(word) for word in update.words]}


def _fitting(text: str, width: int) -> str:
    """The end of a text that is too long for the line: where it wrapped, `CLEAR` would leave the line above."""
    columns = list(accumulate(_columns(character) for character in reversed(text)))
    if not columns or columns[-1] <= width:
        return text
    count = sum(wide < width for wide in columns)  # one column is for the sign that there is more
    return f"…{text[len(text) - count :]}"


def _columns(character: str) -> int:
    """How many a terminal gives it: Chinese, Japanese and Korean characters take two, marks that combine none."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
