"""An utterance, and the line of JSON that stands for it in a manifest."""

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asr.errors import ManifestError

DIGEST = re.compile(r"[0-9a-f]{64}|")
# JSON leaves these as they are, but many a reader takes them for line ends.
LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of audio and what was said in it."""

    id: str
    audio_filepath: str  # absolute, or relative to the manifest's folder
    duration: float  # seconds
    text: str
    speaker: str = ""
    offset: float = 0.0  # seconds into the file
    lang: str = ""
    digest: str = ""  # identity: SHA-256 over decoded 16-bit PCM, sample rate, text, speaker; "" when unknown
    audio_digest: str = (
        ""  # of the decoded audio alone, as the function of this name gives it; "" when unknown
    )


def line_of(utterance: Utterance) -> bytes:
    """Its line in a manifest, with the line feed. Raises UnicodeEncodeError for half a surrogate pair."""
    line = json.dumps(asdict(utterance), ensure_ascii=False, allow_nan=False).translate(LINE_ENDS)
    return f"{line}\n".encode()


def parse(line: bytes, folder: Path, where: str) -> Utterance:
    """The utterance of a line.

    Args:
        folder: what `audio_filepath` is relative to.
        where: file and line, for messages.

    Raises:
        ManifestError: names `where` and the key when the line is malformed.
    """
    try:
        tree = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{where}: not a line of JSON ({error})") from None
    if not isinstance(tree, dict):
        raise ManifestError(
            f'{where}: expected a JSON object like {{"audio_filepath": ...}}, found {tree!r:.60}'
        )
    given = _text(tree, "audio_filepath", where)
    if not given or "\0" in given:
        raise ManifestError(f"{where}: audio_filepath must be the path of a file, found {given!r}")
    offset = _seconds(tree, "offset", where, 0.0)
    return Utterance(
        id=_text(tree, "id", where, "") or Path(given).stem + (f"@{offset:g}" if offset else ""),
        audio_filepath=_joined(folder, given),
        duration=_seconds(tree, "duration", where),
        text=_text(tree, "text", where),
        speaker=_text(tree, "speaker", where, ""),
        offset=offset,
        lang=_text(tree, "lang", where, ""),
        digest=_digest(tree, "digest", where),
        audio_digest=_digest(tree, "audio_digest", where),
    )


def _joined(folder: Path, given: str) -> str:
    """`str(folder / given)`, which takes half the time of a line, for paths that need no tidying."""
    if given[0] == "/" and given[-1] != "/" and "//" not in given and "/." not in given:
        return given
    return str(folder / given)


def _digest(tree: dict[str, Any], key: str, where: str) -> str:
    value = _text(tree, key, where, "")
    if not DIGEST.fullmatch(value):
        raise ManifestError(f"{where}: {key} must be 64 hexadecimal digits, found {value!r:.60}")
    return value


def _text(tree: dict[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = _value(tree, key, where, default)
    if not isinstance(value, str):
        raise ManifestError(f"{where}: {key} must be a string, found {value!r:.60}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ManifestError(f"{where}: {key} is not valid Unicode: {error}") from None
    return value


def _seconds(tree: dict[str, Any], key: str, where: str, default: float | None = None) -> float:
    value = _value(tree, key, where, default)
    try:
        seconds = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ManifestError(f"{where}: {key} must be a number of seconds, 0 or more, found {value!r:.60}")
    return seconds


def _value(tree: dict[str, Any], key: str, where: str, default: object) -> Any:
    value = tree.get(key)
    if value is not None:
        return value
    if default is not None:
        return default
    raise ManifestError(f"{where}: key {key} is missing")
