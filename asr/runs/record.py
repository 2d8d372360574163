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

    utterances: int  # all of them, also those left out of training
    seconds: float  # of audio
    speakers: int  # different ones; 0 when the corpus names none
    digest: str  # identity of decoded audio, texts and speakers, whatever the order and file format


class LeftOutUtterance(Frozen):
    """A training utterance that was not learned from."""

    id: str  # in the corpus
    reason: str  # in words, with the limit


class CorpusUsed(Frozen):
    """Where the speech came from."""

    name: str  # of the reader
    source: str  # name of the archive or folder; "" when made on the spot
    source_sha256: str  # of the archive; "" otherwise
    synthetic: bool  # made by a program, not spoken by people
    maker: str = ""  # that program and its version; "" for people
    lock: Literal["matches", "differs", "no lock", "not checked"]  # against data/NAME.lock.json
    identity: dict[str, str]  # digest of each of the corpus's own parts, as in its lock file
    splits: dict[str, Split]  # train, dev, test
    left_out: list[LeftOutUtterance]  # of training
    shared_speakers: list[str]  # speakers of the test part that were also in training


class TokenizerUsed(Frozen):
    """Output units."""

    kind: str  # characters or subwords
    size: int  # tokens, the blank included
    digest: str  # SHA-256 of its canonical JSON


class Counts(Frozen):
    """Errors against references."""

    hits: int  # words or characters that are right
    substitutions: int  # another one instead
    deletions: int  # of the reference, not heard
    insertions: int  # heard, not in the reference
    reference_length: int  # hits + substitutions + deletions


class Result(Frozen):
    """A score. Rates are ratios, not percentages."""

    wer: float  # word errors / words of the references
    wer_interval_95: tuple[float, float]  # bootstrap over utterances
    cer: float  # character errors / characters of the references
    ser: float  # sentences with an error
    words: Counts  # errors in words
    characters: Counts  # errors in characters
    sentences: int  # utterances
    wrong_sentences: int  # utterances with a word error


class Epoch(Frozen):
    """How an epoch went; its development result is that of the averaged weights."""

    epoch: int  # from 1
    steps: int  # in it
    learning_rate: float  # at its end
    train_loss: float  # nats a token
    clipped: float  # share of steps
    gradient_norms: dict[str, float]  # of each layer, root mean square over the steps
    dev: Result  # of the averaged weights
    best: bool  # of all epochs so far
    seconds: float  # with the development data
    warnings: list[str]  # layers whose gradient vanishes or explodes


class ModelMade(Frozen):
    """The bundle beside the record."""

    parameters: int  # numbers that were learned
    weights_digest: str  # over names, shapes and values, whatever the file format
    best_epoch: int  # whose weights these are, from 1
    steps: int  # of the whole training


class Session(Frozen):
    """One process that worked on the run; an interrupted run has several."""

    started: str  # UTC, ISO 8601
    finished: str  # "" for one that was killed
    workers: int  # threads on the CPU; they do not change the result
    device: str  # "cpu", or "cuda: " and its name
    code: Code  # which code ran
    peak_memory: int  # bytes; 0 for one that was killed
    differs: list[str] = Field(
        default_factory=list
    )  # from the session before: code, device, libraries, machine


class Times(Frozen):
    """Seconds, interruptions not counted."""

    training: float  # with the development data after each epoch
    decoding: float  # of the test part, wall clock, all workers together
    real_time_factor: float  # decoding / audio


class Record(Frozen):
    """record.json of a run folder."""

    format: Literal[1] = 1  # raised when a key changes its meaning
    status: Literal["running", "interrupted", "complete"]  # "complete" has results
    command: str  # that makes this run; file names without their folders
    recipe: Recipe  # as resolved, every default included
    recipe_digest: str  # SHA-256 of the canonical JSON of the recipe
    environment: Environment  # of the last session
    sessions: list[Session]  # one unless the run was interrupted
    corpus: CorpusUsed | None = None  # what was heard
    tokenizer: TokenizerUsed | None = None  # output units
    epochs: list[Epoch] = Field(default_factory=list)  # in order
    model: ModelMade | None = None  # what was learned
    results: dict[str, Result] = Field(default_factory=dict)  # dev, test
    times: Times | None = None  # what it took
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
