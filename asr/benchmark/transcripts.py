"""References and answers as JSON Lines, from which every number of a benchmark comes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from asr.benchmark.errors import BenchmarkError
from asr.files import sha256_file, write_text

Line = TypeVar("Line", "Reference", "Answered")


@dataclass(frozen=True)
class Reference:
    """What was said, as the corpus has it."""

    id: str
    speaker: str  # "" when unknown
    seconds: float  # of audio
    sample_rate: int  # Hz
    audio: str  # identity of the samples that were given
    text: str


@dataclass(frozen=True)
class Answered:
    """What a system heard, as it wrote it, and how it came."""

    id: str  # in the cache: of one of the utterances with this audio
    audio: str  # identity of the samples
    text: str = ""  # "" where it failed, as all below but the reason
    failed: str = ""  # why; "" where it did not
    seconds: float = 0.0  # of hearing, as the system measured it
    cpu: float = 0.0  # seconds of processor time, of its processes; 0 in all lines: not known
    session: int = 0  # which start of the system it was, from 0
    loading: float = 0.0  # seconds that this start took
    memory: int = 0  # bytes at the most so far in this session; 0: not known


def line_of(line: Reference | Answered) -> str:
    """With its line end."""
    return json.dumps(asdict(line), ensure_ascii=False, allow_nan=False) + "\n"


def write_lines(path: Path, lines: Iterable[Reference | Answered]) -> str:
    """Whole or not at all. Returns its SHA-256."""
    write_text(path, "".join(map(line_of, lines)))
    return sha256_file(path)


def read_lines(path: Path, kind: type[Line]) -> list[Line]:
    """
    Raises:
        BenchmarkError: no such file, or a line that is none of this kind; names it.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"{path}: not a readable file ({error})") from None
    lines = content.split("\n")
    if lines.pop():
        raise BenchmarkError(f"{path}:{len(lines) + 1}: no line of this file: it is cut off")
    return [read_line(line, f"{path}:{number}", kind) for number, line in enumerate(lines, 1)]


def read_line(line: str | bytes, where: str, kind: type[Line]) -> Line:
    """
    Raises:
        BenchmarkError: it is none of this kind; begins with `where`.
    """
    try:
        tree = json.loads(line)
        found = kind(**tree)
    except (ValueError, TypeError, RecursionError) as error:
        raise BenchmarkError(f"{where}: no line of this file ({error})") from None
    for field in fields(kind):
        _check(getattr(found, field.name), field.type, f"{where}: key {field.name}")
    return found


def _check(value: Any, wanted: Any, where: str) -> None:
    allowed = (int, float) if wanted is float else wanted
    if not isinstance(value, allowed) or isinstance(value, bool):
        raise BenchmarkError(f"{where}: expected {wanted.__name__}, found {value!r:.60}")


def same_utterances(references: Sequence[Reference], answers: Sequence[Answered], where: str) -> None:
    """Raises BenchmarkError where the answers are not those to these utterances, in this order."""
    ours, theirs = ([(each.id, each.audio) for each in lines] for lines in (references, answers))
    if ours != theirs:
        odd = sorted(set(ours) ^ set(theirs))
        found = f", such as {odd[0][0]}" if odd else " or in another order"
        raise BenchmarkError(f"{where}: answers to other utterances than those of the references{found}")
