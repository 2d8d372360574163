"""A transcript as a file: text, JSON as users of Whisper know it, subtitles, tables, NIST's CTM.

Times are seconds of the file, rounded to the millisecond. Where channels were heard each by itself, all formats have
them in one file: segments in the order in which they begin, each with its channel.
"""

import json
import os
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from asr.transcribe.files.channels import Channels
from asr.transcribe.files.names import without_suffix
from asr.transcribe.transcript import Segment, Transcript, Word

LANGUAGE = "und"  # BCP 47 for "not determined": models do not say theirs
LINE = 42  # characters in a line of a subtitle, as broadcasters have it

Heard = Transcript | Channels


@dataclass(frozen=True)
class Format:
    """How transcripts are written."""

    suffix: str  # of its files, with the dot
    media_type: str
    needs_words: bool  # whether the transcript has to have them (`Transcriber(..., words=True)`)
    joins: bool  # whether files one after the other are a file of this format
    write: Callable[[str, Heard], str]  # the name of the recording and what was heard, to a whole file


def _txt(_name: str, heard: Heard) -> str:
    if isinstance(heard, Channels):
        return "".join(f"{channel}\t{text}\n" for channel, text in heard.turns)
    return f"{heard.text}\n"


def _json(name: str, heard: Heard) -> str:
    return json.dumps(json_of(name, heard), indent=2, ensure_ascii=False) + "\n"


def _jsonl(name: str, heard: Heard) -> str:
    return json.dumps(json_of(name, heard), ensure_ascii=False) + "\n"


def json_of(name: str, heard: Heard) -> dict[str, Any]:
    """What the JSON formats say. Seconds to the millisecond, which is finer than they are right."""
    tree: dict[str, Any] = {"file": _printable(name), "text": "", "language": LANGUAGE}
    tree["duration"] = round(heard.seconds, 3)
    tree["engine"] = (heard.channels[0] if isinstance(heard, Channels) else heard).engine
    if isinstance(heard, Channels):
        tree["text"] = "\n".join(text for _, text in heard.turns)
        tree["channels"] = len(heard.channels)
        tree["segments"] = [
            {"id": number, "channel": channel, **_segment(segment)}
            for number, (channel, segment) in enumerate(heard.segments)
        ]
        tree["words"] = [{"channel": channel, **word_json(word)} for channel, word in heard.words]
    else:
        tree["text"] = heard.text
        tree["segments"] = [
            {"id": number, **_segment(segment)} for number, segment in enumerate(heard.segments)
        ]
        tree["words"] = [word_json(word) for word in heard.words]
    return tree


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "confidence": None if segment.confidence is None else round(segment.confidence, 4),
        "words": [word_json(word) for word in segment.words],
    }


def word_json(word: Word) -> dict[str, Any]:
    """A word as all JSON has it. Seconds to the millisecond."""
    return {
        "word": word.word,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "confidence": None if word.confidence is None else round(word.confidence, 4),
    }


def _srt(_name: str, heard: Heard) -> str:
    """SubRip, which has no escapes: an arrow within the text becomes a shorter one."""
    cues = []
    for number, (channel, begin, end, text) in enumerate(_cues(heard), 1):
        said = _two_lines(text if channel is None else f"[{channel}] {text}")
        while "-->" in said:
            said = said.replace("-->", "->")
        cues.append(f"{number}\n{_clock(begin, ',')} --> {_clock(end, ',')}\n{said}\n")
    return "\n".join(cues)


def _vtt(_name: str, heard: Heard) -> str:
    """WebVTT (W3C): the channel is the voice."""
    cues = ["WEBVTT\n"]
    for channel, begin, end, text in _cues(heard):
        said = _two_lines(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        voice = "" if channel is None else f"<v Channel {channel}>"
        cues.append(f"{_clock(begin, '.')} --> {_clock(end, '.')}\n{voice}{said}\n")
    return "\n".join(cues)


def _tsv(_name: str, heard: Heard) -> str:
    """As Whisper writes it: milliseconds, and a line of names first; channels in a column behind."""
    each = isinstance(heard, Channels)
    lines = ["start\tend\ttext" + ("\tchannel" if each else "")]
    for channel, begin, end, text in _cues(heard):
        lines.append(f"{begin}\t{end}\t{text}" + (f"\t{channel}" if each else ""))
    return "\n".join(lines) + "\n"


def _ctm(name: str, heard: Heard) -> str:
    """NIST's: file, channel, start, duration, word, and its confidence where it has one.

    The file is named without folder and suffix of sound; columns are parted by spaces, so its own become underlines.
    Sorted by channel and then by time, as sclite wants it.
    """
    file = "_".join(without_suffix(PurePath(_printable(name))).name.split()) or "-"
    lines = []
    for channel, one in enumerate(heard.channels if isinstance(heard, Channels) else [heard], 1):
        for word in one.words:
            begin, end = round(word.start, 3), round(word.end, 3)
            sure = "" if word.confidence is None else f" {word.confidence:.4f}"
            lines.append(f"{file} {channel} {begin:.3f} {end - begin:.3f} {word.word}{sure}\n")
    return "".join(lines)


def _cues(heard: Heard) -> list[tuple[int | None, int, int, str]]:
    """Channel, begin and end in milliseconds, and text in one line, of each segment; none is empty or takes no time."""
    pairs = heard.segments if isinstance(heard, Channels) else [(None, one) for one in heard.segments]
    found = []
    for channel, segment in pairs:
        begin, end = round(1000 * segment.start), round(1000 * segment.end)
        if text := " ".join(segment.text.split()):
            found.append((channel, begin, max(end, begin + 1), text))
    return found


def _two_lines(text: str) -> str:
    """In lines that a screen can hold, of like length where there are two."""
    if LINE < len(text) <= 2 * LINE:
        for width in range(len(text) // 2, LINE + 1):
            if len(lines := textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)) == 2:
                return "\n".join(lines)
    return "\n".join(textwrap.wrap(text, LINE, break_long_words=False, break_on_hyphens=False))


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _printable(name: str) -> str:
    """Bytes of a file name that are no UTF-8 are shown as such: JSON could not hold them."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": Format(".txt", "text/plain", False, True, _txt),
        "json": Format(".json", "application/json", True, False, _json),
        "jsonl": Format(".jsonl", "application/jsonl", True, True, _jsonl),
        "srt": Format(".srt", "application/x-subrip", True, False, _srt),
        "vtt": Format(".vtt", "text/vtt", True, False, _vtt),
        "tsv": Format(".tsv", "text/tab-separated-values", True, False, _tsv),
        "ctm": Format(".ctm", "text/plain", True, True, _ctm),
    }
)
