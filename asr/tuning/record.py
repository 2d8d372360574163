"""The record of a study: what was searched, by which rules, every trial, and what came out. One JSON file."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from asr.files import write_json
from asr.frozen import Frozen, first_problem
from asr.recipe import Recipe
from asr.runs.environment import Code, Environment
from asr.runs.numerics_used import NumericsUsed
from asr.runs.record import CorpusUsed
from asr.runs.record_file import is_record, read_record_tree
from asr.runs.seal import seal_of
from asr.tuning.errors import TuningError
from asr.tuning.search import Search

FORMAT = 1
RECORD = "study.json"
HEARD = ("train", "dev")  # parts of the corpus that a study hears

State = Literal["running", "complete", "pruned", "failed"]


class EpochTried(Frozen):
    """The development part after an epoch of a training, read greedily with the averaged weights."""

    epoch: int  # from 1
    train_loss: float  # nats a token
    wer: float  # ratio
    cer: float  # ratio
    word_errors: int  # of the reference's words
    character_errors: int  # of its characters
    best: bool  # of all epochs so far: fewest word errors, then fewest character errors
    seconds: float  # with the development data


class Training(Frozen):
    """One training of a trial."""

    seed: int  # of the recipe
    parameters: int  # numbers that are learned
    left_out: int  # utterances that these values cannot learn from: too long, or too short for their texts
    epochs: list[EpochTried]  # in order


class Report(Frozen):
    """What a trial was known to be worth at a time."""

    step: int  # epochs of its trainings so far, each counted as train.epochs once it is over
    value: float  # objective of the best epoch so far, mean over the seeds so far


class Trial(Frozen):
    """One point of the search."""

    number: int  # from 1, in the order in which they began
    state: State  # complete has an objective; pruned was given up; failed could not be trained
    values: dict[str, Any]  # of the searched keys
    recipe_digest: str = ""  # SHA-256 of its recipe with the first seed; "" where these values make no recipe
    trainings: list[Training] = Field(default_factory=list)  # a seed each, as far as they went
    reports: list[Report] = Field(default_factory=list)  # one an epoch: what pruning decides by
    objective: float | None = None  # mean over the seeds of the best epoch's; null where it is not complete
    wer: float | None = None  # likewise
    cer: float | None = None  # likewise
    reason: str = ""  # why it was given up or failed
    started: str = ""  # UTC, ISO 8601
    finished: str = ""  # likewise
    seconds: float = 0.0  # of its epochs, interruptions not counted


class Session(Frozen):
    """One process that led the study; an interrupted study has several."""

    started: str  # UTC, ISO 8601
    finished: str  # "" for one that was killed
    seconds: float  # as far as is known: written after each trial
    workers: int  # trials side by side, at most; they do not change the result
    device: str  # as asked for
    code: Code  # which code ran
    differs: list[str]  # from the session before: code, libraries, machine


class OptunaUsed(Frozen):
    """What drew and gave up trials, in the library's own words."""

    version: str  # of Optuna; several, where it was another one after an interruption
    sampler: str  # class and settings
    pruner: str  # likewise; "" for none


class Importance(Frozen):
    """How much of what trials are worth is due to one key by itself. Shares of the variance."""

    key: str  # of the recipe
    fanova: float  # of the objective over complete trials, mean over forests
    spread: float  # standard deviation over forests that differ in their seed
    early: float  # as fanova, of the value at `early_step` over all trials that came so far
    ped_anova: float  # by another method (PED-ANOVA): what the better half of the trials has in common


class Importances(Frozen):
    """By functional ANOVA of random forests (Hutter et al., 2014), each key on the scale on which it was searched."""

    trees: int  # of a forest
    forests: int  # seeds 0, 1, ...
    trials: int  # complete ones, that they stand on
    fit: float | None  # out-of-bag R² of such a forest; 0 or less: it explains nothing; null: not to be had
    early_step: int  # which all trials reach that do not fail
    early_trials: int  # that have reached it
    early_fit: float | None  # as fit
    keys: list[Importance]  # the largest first
    scikit_learn: str  # its version


class Best(Frozen):
    """The trial with the smallest objective, then the smallest CER, then the earliest."""

    trial: int  # its number
    objective: float  # on dev: chosen as the best of many, so it flatters
    wer: float  # likewise
    cer: float  # likewise
    values: dict[str, Any]  # of the searched keys
    recipe_digest: str  # of best.toml


class StudyRecord(Frozen):
    """study.json of the folder of a study."""

    format: Literal[1] = 1  # raised when a key changes its meaning
    kind: Literal["study"] = "study"  # tells it from other records
    status: Literal["running", "interrupted", "complete"]  # complete: the budget is used up
    command: str  # that makes this study; file names without their folders
    recipe: Recipe  # around which is searched, every default included
    recipe_digest: str  # SHA-256 of its canonical JSON
    search: Search  # keys, ranges, budget, rules, seeds
    digest: str  # of recipe and search without the budget: names the study
    optuna: OptunaUsed  # what drew and gave up
    environment: Environment  # of the last session
    numerics: NumericsUsed | None = None  # what took effect where a trial was trained
    corpus: CorpusUsed | None = None  # what was heard; of the test part what it is, not how it is recognised
    heard: list[str] = Field(default_factory=lambda: [*HEARD])  # parts that trials were given: never test
    named_files: dict[str, str] = Field(default_factory=dict)  # SHA-256 of each file that the recipe names
    sessions: list[Session] = Field(default_factory=list)  # one unless the study was interrupted
    trials: list[Trial] = Field(default_factory=list)  # by number
    best: Best | None = None  # null while no trial is complete
    importances: Importances | None = None  # null while there are too few trials
    files: dict[str, str] = Field(default_factory=dict)  # SHA-256 by path inside the folder
    seal: dict[str, str] = Field(default_factory=dict)  # SHA-256 of the canonical JSON of every part


def best_of(trials: list[Trial]) -> Trial | None:
    """The complete trial with the smallest objective, then the smallest CER, then the earliest."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return min(complete, key=lambda trial: (trial.objective, trial.cer, trial.number), default=None)


def write_record(folder: Path, record: StudyRecord) -> StudyRecord:
    """Sealed; whole or not at all. Returns it as it was written."""
    tree = record.model_dump(mode="json")
    seal = seal_of(tree)
    write_json(folder / RECORD, {**tree, "seal": seal})
    return record.model_copy(update={"seal": seal})


def is_study(path: Path) -> bool:
    """Whether a folder holds a study, or a file is its record."""
    return is_record(study_path(path), "study")


def study_path(path: Path) -> Path:
    """Of the record in a folder, or of a record by itself."""
    return path / RECORD if path.is_dir() else path


def read_study(path: Path) -> StudyRecord:
    """
    Raises:
        TuningError: there is none, or it is none of a study, or of another format.
    """
    try:
        return StudyRecord.model_validate_json(json.dumps(read_tree(path)))
    except ValidationError as error:
        raise TuningError(f"{study_path(path)}: {first_problem(error)}") from None


def read_tree(path: Path) -> dict[str, Any]:
    """The record as it is written, checked for its kind and format alone. Raises TuningError."""
    missing = f"{path}: no study here (no {RECORD}); `asr tune RECIPE` makes one"
    return read_record_tree(study_path(path), TuningError, kind="study", format=FORMAT, missing=missing)


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of study.json, as published in docs/study.schema.json."""
    tree = StudyRecord.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **tree, "title": "Attest study record"}
