"""A manifest: JSON Lines, one utterance a line, with the keys that NeMo users already have.

    {"audio_filepath": "wav/a.wav", "duration": 1.5, "text": "yes", "id": "a", "speaker": "fash"}

`audio_filepath`, `duration` and `text` are needed; `id`, `speaker`, `offset`, `lang`, `digest` and `audio_digest`
may be left out or null, and further keys are passed over. A manifest is opened by memory map and byte offsets: a
line is parsed when it is asked for, and a million of them cost 16 megabytes.
"""

import hashlib
import json
import math
import mmap
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from asr.errors import ManifestError
from asr.files import whole_file

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1 << 24  # bytes looked through at a time for line ends
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


class Manifest(Sequence[Utterance]):
    """The utterances of a manifest file, parsed when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map, self._bounds, self._numbers = _index(path)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> list[Utterance]: ...

    def __getitem__(self, index: int | slice) -> Utterance | list[Utterance]:
        """Raises ManifestError naming file, line and key when the line is malformed."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = int(self._numbers[index])  # IndexError past the ends, negative from the back
        line = self._map[int(self._bounds[number]) : int(self._bounds[number + 1])]
        return _parse(line, self.path, number + 1)


def read_manifest(path: Path | str) -> Manifest:
    """Opens a manifest; relative `audio_filepath` come back joined to its folder. It may hold no utterances.

    Raises:
        ManifestError: there is no such file. Malformed lines raise it when they are asked for.
    """
    return Manifest(Path(path))


def write_manifest(path: Path | str, utterances: Iterable[Utterance]) -> None:
    """Writes a manifest, whole or not at all.

    Raises:
        ManifestError: an utterance has text that cannot be written as UTF-8 (half a surrogate pair).
    """
    with whole_file(Path(path)) as part, part.open("wb") as stream:
        for utterance in utterances:
            line = json.dumps(asdict(utterance), ensure_ascii=False, allow_nan=False).translate(LINE_ENDS)
            try:
                stream.write(f"{line}\n".encode())
            except UnicodeEncodeError as error:
                raise ManifestError(
                    f"{path}: utterance {utterance.id!r} is not valid Unicode: {error}"
                ) from None


def audio_digest(samples: "np.ndarray", sample_rate: int) -> str:
    """SHA-256 of decoded audio: sample rate, channels, then the samples as little-endian 16-bit integers.

    Args:
        samples: (samples, channels) int16.
        sample_rate: Hz.
    """
    if samples.ndim != 2 or samples.dtype.name != "int16":
        raise ValueError(f"expected (samples, channels) int16, got {samples.shape} {samples.dtype}")
    start = f"pcm16 {sample_rate} {samples.shape[1]}\n".encode()
    return hashlib.sha256(start + samples.astype("<i2").tobytes()).hexdigest()


def digest_of(audio: str, text: str, speaker: str) -> str:
    """Identity of an utterance: the same for WAV, FLAC and SPHERE copies, another for one changed sample.

    SHA-256 of the three as a JSON array; `audio` is what `audio_digest` gives.
    """
    return hashlib.sha256(json.dumps([audio, text, speaker]).encode()).hexdigest()


def identity(digests: Iterable[str]) -> str:
    """Identity of a set of utterances: SHA-256 over their sorted digests, so their order does not matter."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(digests)).encode()).hexdigest()


def manifest_digest(utterances: Iterable[Utterance]) -> str:
    """SHA-256 over the lines of a manifest without `audio_filepath`, which differs from machine to machine.

    A line is JSON with sorted keys, no spaces and ASCII only, followed by a line feed; lines are in order of id. So the
    utterances in memory, the file that they were written to, and the same lines in another order give one digest, and a
    changed value of any key but `audio_filepath` gives another.
    """
    lines = sorted((utterance.id, _line(utterance)) for utterance in utterances)
    digest = hashlib.sha256()
    for _, line in lines:
        digest.update(line.encode())
    return digest.hexdigest()


_DIGESTED = [field.name for field in fields(Utterance) if field.name != "audio_filepath"]


def _line(utterance: Utterance) -> str:
    tree = {
        key: getattr(utterance, key) for key in _DIGESTED
    }  # asdict copies, which takes three times as long
    # 1 and 1.0 are one number, and one is read back as the other.
    tree |= {"duration": float(utterance.duration), "offset": float(utterance.offset)}
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def _index(path: Path) -> "tuple[mmap.mmap | bytes, np.ndarray, np.ndarray]":
    """The bytes; where each line starts, and the end; the numbers, from 0, of lines that are not blank."""
    import numpy as np

    try:
        with path.open("rb") as stream:
            empty = stream.seek(0, 2) == 0
            contents = b"" if empty else mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such manifest; expected a file of JSON lines") from None
    except OSError as error:
        raise ManifestError(f"{path}: not a readable file ({error.strerror}); expected JSON lines") from None
    starts = [np.zeros(1, np.int64)]
    for block in range(0, len(contents), BLOCK):
        values = np.frombuffer(contents[block : block + BLOCK], np.uint8)
        starts.append(np.flatnonzero(values == ord("\n")) + (block + 1))
    if starts[-1].size == 0 or starts[-1][-1] != len(contents):
        starts.append(np.array([len(contents)], np.int64))
    bounds = np.concatenate(starts)
    lengths = np.diff(bounds)
    full = lengths > 2
    for number in np.flatnonzero(~full):  # too short for an object and its line end: blank, or an error later
        full[number] = contents[bounds[number] : bounds[number + 1]].strip() != b""
    return contents, bounds, np.flatnonzero(full)


def _parse(line: bytes, path: Path, number: int) -> Utterance:
    where = f"{path}:{number}"
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
        audio_filepath=str(path.parent / given),
        duration=_seconds(tree, "duration", where),
        text=_text(tree, "text", where),
        speaker=_text(tree, "speaker", where, ""),
        offset=offset,
        lang=_text(tree, "lang", where, ""),
        digest=_digest(tree, "digest", where),
        audio_digest=_digest(tree, "audio_digest", where),
    )


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
