"""The record of a benchmark: what was asked of whom, on what, and what came out. One JSON file, in one folder with the
references and every answer, from which each of its numbers can be computed again."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from asr.benchmark.errors import BenchmarkError
from asr.files import write_json
from asr.frozen import Frozen, first_problem
from asr.runs.environment import Code, Environment
from asr.runs.record import Result
from asr.runs.record_file import is_record, read_record_tree
from asr.runs.seal import seal_of

FORMAT = 1
RECORD = "record.json"


class CorpusHeard(Frozen):
    """What all systems were given of one corpus."""

    name: str
    source: str  # name of the archive, folder or manifest
    part: str  # of it; "" of a manifest
    lock: str  # against the corpus's lock file; "" of a manifest
    identity: str  # digest of decoded audio, texts and speakers; "" where a manifest does not say
    audio: str  # digest over the samples that the systems were given
    sample_rates: list[int]  # Hz, of the files that they were given
    utterances: int
    seconds: float  # of audio
    speakers: int  # different ones that are named
    file: str  # of references, inside the folder
    sha256: str  # of that file


class SystemUsed(Frozen):
    """One of the systems."""

    name: str
    kind: str
    identity: dict[str, Any]  # all that decides its answers and its speed
    digest: str  # SHA-256 of the canonical JSON of identity, cores, utterances at once and processor; "" without one
    size: int | None  # bytes on disk; null where nobody knows
    loading: float | None  # seconds, median over its starts; null where it was never started
    memory: int | None  # bytes of its processes at the most, loading among it; null where nobody knows
    starts: int  # that have left answers
    error: str  # why it has no result; "" otherwise


class Failure(Frozen):
    """An utterance without an answer: it counts as an empty one."""

    id: str
    reason: str


class Speed(Frozen):
    """Of the utterances that were answered. Loading is not in it."""

    utterances: int
    audio: float  # seconds
    hearing: float  # seconds, the sum over the utterances
    real_time_factor: float  # hearing / audio
    # Processor seconds / audio; null where nobody knows: several at once, another machine.
    cpu_factor: float | None
    median: float  # seconds an utterance
    p99: float  # likewise: at least 99 % of them took no longer


class Cell(Frozen):
    """A system on a corpus."""

    system: str
    corpus: str
    rank: int  # one plus the number of systems that are better beyond doubt
    letters: str  # two systems of a corpus share one exactly if they cannot be told apart
    score: Result
    cer_interval_95: tuple[float, float]  # bootstrap over utterances
    wer_interval_95_speakers: tuple[float, float] | None  # bootstrap over speakers; null with fewer than five
    failed: list[Failure]
    speed: Speed | None  # null where nothing was answered
    file: str  # of answers, inside the folder
    sha256: str  # of that file


class PairTested(Frozen):
    """Two systems on a corpus. Differences are second minus first, ratios of reference units."""

    corpus: str
    first: str
    second: str
    difference: float
    interval_95: tuple[float, float]  # of the difference, for this pair alone
    p: float  # two-sided, of no difference
    p_holm: float  # corrected for all pairs of the benchmark
    unit: Literal["utterances", "speakers"]  # whose spread the interval comes from
    different: bool  # p_holm <= alpha


class BenchmarkRecord(Frozen):
    """record.json."""

    format: Literal[1] = 1
    kind: Literal["benchmark"] = "benchmark"
    command: str  # file names without their folders
    started: str  # UTC, ISO 8601, of the last command; answers of earlier ones are among it
    finished: str
    environment: Environment
    code: Code
    benchmark: dict[str, Any]  # its file, every default included
    benchmark_digest: str  # SHA-256 of the canonical JSON of it
    corpora: list[CorpusHeard]
    systems: list[SystemUsed]
    cells: list[Cell]  # by corpus, the best first
    pairs: list[PairTested]
    files: dict[str, str]  # SHA-256 of the files for people, by path inside the folder
    seal: dict[str, str]  # SHA-256 of the canonical JSON of every part of the record


def write_record(folder: Path, record: BenchmarkRecord) -> None:
    """Sealed; whole or not at all."""
    tree = record.model_dump(mode="json")
    write_json(folder / RECORD, {**tree, "seal": seal_of(tree)})


def write_unfinished(folder: Path, name: str) -> None:
    """Stands in place of the record while everything else is written."""
    write_json(
        folder / RECORD,
        {"format": FORMAT, "kind": "benchmark", "benchmark": {"name": name}, "status": "unfinished"},
    )


def is_benchmark(path: Path) -> bool:
    """Whether a folder holds the outcome of a benchmark, or a file is its record."""
    return is_record(path / RECORD if path.is_dir() else path, "benchmark")


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of record.json, as published in docs/benchmark.schema.json."""
    tree = BenchmarkRecord.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **tree,
        "title": "Attest benchmark record",
    }


def read_record(folder: Path) -> BenchmarkRecord:
    """
    Raises:
        BenchmarkError: there is none, or it is none of a benchmark, or of another format.
    """
    tree = read_tree(folder)
    if tree.get("status") == "unfinished":
        raise BenchmarkError(
            f"{folder}: was not written to its end; the same `asr benchmark` command does it"
        )
    try:
        return BenchmarkRecord.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        raise BenchmarkError(f"{folder / RECORD}: {first_problem(error)}") from None


def read_tree(folder: Path) -> dict[str, Any]:
    """The record as it is written, checked for its kind and format alone. Raises BenchmarkError."""
    missing = f"{folder}: no benchmark here (no {RECORD}); `asr benchmark SPEC` makes one"
    return read_record_tree(folder / RECORD, BenchmarkError, kind="benchmark", format=FORMAT, missing=missing)
