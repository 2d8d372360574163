"""The run record: what went in, on what, what came out. One JSON file, published as a schema in docs/."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from asr.errors import RunError
from asr.files import write_json
from asr.recipe import Frozen, Recipe
from asr.runs.environment import Code, Environment
from asr.runs.folder import RECORD

FORMAT = 1


class Split(Frozen):
    """A part of the corpus as this run used it."""

    utterances: int
    seconds: float
    speakers: int
    digest: str  # identity of decoded audio, texts and speakers, whatever the order and file format


class LeftOutUtterance(Frozen):
    """A training utterance that was not learned from."""

    id: str
    reason: str


class CorpusUsed(Frozen):
    """Where the speech came from."""

    name: str
    source: str  # name of the archive or folder; "" when made on the spot
    source_sha256: str  # of the archive; "" otherwise
    synthetic: bool
    lock: Literal["matches", "differs", "no lock", "not checked"]  # against data/NAME.lock.json
    identity: dict[str, str]  # digest of each of the corpus's own parts, as in its lock file
    splits: dict[str, Split]  # train, dev, test
    left_out: list[LeftOutUtterance]
    shared_speakers: list[str]  # speakers of the test part that were also in training


class TokenizerUsed(Frozen):
    """Output units."""

    kind: str
    size: int
    digest: str


class Counts(Frozen):
    """Errors against references."""

    hits: int
    substitutions: int
    deletions: int
    insertions: int
    reference_length: int


class Result(Frozen):
    """A score. Rates are ratios, not percentages."""

    wer: float
    wer_interval_95: tuple[float, float]  # bootstrap over utterances
    cer: float
    ser: float  # sentences with an error
    words: Counts
    characters: Counts
    sentences: int
    wrong_sentences: int


class Epoch(Frozen):
    """How an epoch went; its development result is that of the averaged weights."""

    epoch: int
    steps: int
    learning_rate: float
    train_loss: float  # nats a token
    clipped: float  # share of steps
    gradient_norms: dict[str, float]
    dev: Result
    best: bool
    seconds: float
    warnings: list[str]


class ModelMade(Frozen):
    """The bundle beside the record."""

    parameters: int
    weights_digest: str  # over names, shapes and values, whatever the file format
    best_epoch: int
    steps: int


class Session(Frozen):
    """One process that worked on the run; an interrupted run has several."""

    started: str  # UTC, ISO 8601
    finished: str  # "" for one that was killed
    workers: int
    device: str
    code: Code
    peak_memory: int  # bytes; 0 for one that was killed


class Times(Frozen):
    """Seconds, interruptions not counted."""

    training: float
    decoding: float  # of the test part
    real_time_factor: float  # decoding / audio


class Record(Frozen):
    """record.json of a run folder."""

    format: Literal[1] = 1
    status: Literal["running", "interrupted", "complete"]
    command: str
    recipe: Recipe
    recipe_digest: str
    environment: Environment  # of the last session
    sessions: list[Session]
    corpus: CorpusUsed | None = None
    tokenizer: TokenizerUsed | None = None
    epochs: list[Epoch] = Field(default_factory=list)
    model: ModelMade | None = None
    results: dict[str, Result] = Field(default_factory=dict)  # dev, test
    times: Times | None = None
    files: dict[str, str] = Field(default_factory=dict)  # SHA-256 by path inside the run folder


def read_record(folder: Path) -> Record:
    """Reads record.json of a run folder, or a record file by itself.

    Raises:
        RunError: there is none, or it is not a record of this format.
    """
    path = folder / RECORD if folder.is_dir() else folder
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder}: no run here (no {RECORD}); runs are made by `asr run RECIPE`") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        found = tree.get("format") if isinstance(tree, dict) else type(tree).__name__
        raise RunError(f"{path}: record format {found!r}; this version of Attest reads format {FORMAT}")
    try:
        return Record.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        first = error.errors()[0]
        raise RunError(f"{path}: key {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def write_record(folder: Path, record: Record) -> None:
    write_json(folder / RECORD, record.model_dump(mode="json"))


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of record.json, as published in docs/record.schema.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Record.model_json_schema(mode="serialization"),
        "title": "Attest run record",
    }
