"""The run record: what went in, on what, what came out. One JSON file, published as a schema in docs/."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from asr.decoding.rescoring import AttentionUsed
from asr.decoding.settings_used import SettingsUsed
from asr.errors import RunError
from asr.files import write_json
from asr.frozen import Frozen, first_problem
from asr.recipe import Hearings, Recipe
from asr.runs.environment import Code, Environment
from asr.runs.folder import RECORD
from asr.runs.formats import LATER, upgraded
from asr.runs.initial_used import InitialUsed
from asr.runs.numerics_used import NumericsUsed
from asr.runs.seal import seal_of
from asr.runs.search_used import LanguageModelUsed, LexiconUsed, PointTried
from asr.runs.tokenizer_used import TokenizerUsed

FORMAT = 2


class Split(Frozen):
    """A part of the corpus as this run used it."""

    utterances: int  # all of them, also those left out of training
    seconds: float  # of audio
    speakers: int  # different ones; 0 when the corpus names none
    digest: str  # identity of decoded audio, texts and speakers, whatever the order and file format
    manifest: str  # SHA-256 over the lines of its manifest without the places of files; "" before format 2


class LeftOutUtterance(Frozen):
    """A training utterance that was not learned from."""

    id: str  # in the corpus
    reason: str  # in words, with the limit


class Shared(Frozen):
    """What the test part has in common with the data that was learned from or that decided when to stop."""

    audio: list[str]  # ids of test utterances whose samples are there too
    texts: list[str]  # ids of test utterances whose normalised text is there too
    speakers: list[str]  # names


class CorpusUsed(Frozen):
    """Where the speech came from."""

    name: str  # of the reader
    source: str  # name of the archive or folder; "" when made on the spot
    source_sha256: str  # of the archive; "" otherwise
    synthetic: bool  # made by a program, not spoken by people
    maker: str = ""  # that program and its version; "" for people
    lock: Literal[
        "matches", "differs", "written", "no lock", "not checked"
    ]  # against its lock file, or just locked
    identity: dict[str, str]  # digest of each of the corpus's own parts, as in its lock file
    splits: dict[str, Split]  # train, dev, test
    left_out: list[LeftOutUtterance]  # of training
    shared: Shared  # what the test part shares with training and development
    waived: list[str]  # kinds of sharing that the recipe allows by name: audio, texts, speakers


class Counts(Frozen):
    """Errors against references."""

    hits: int  # words or characters that are right
    substitutions: int  # another one instead
    deletions: int  # of the reference, not heard
    insertions: int  # heard, not in the reference
    reference_length: int  # hits + substitutions + deletions


def _is_none(value: object) -> bool:
    return value is None


def _is_word(unit: str) -> bool:
    return unit == "word"


Unit = Annotated[Literal["word", "character"], LATER, Field(exclude_if=_is_word)]


class Result(Frozen):
    """A score. Rates are ratios, not percentages. Where the unit is the character, words are characters here."""

    unit: Unit = "word"  # what errors are counted in; not said where it is the word
    wer: float  # word errors / words of the references
    wer_interval_95: tuple[float, float]  # bootstrap over utterances
    cer: float  # character errors / characters of the references
    ser: float  # sentences with an error
    words: Counts  # errors in words
    characters: Counts  # errors in characters
    sentences: int  # utterances
    wrong_sentences: int  # utterances with a word error


ExpectedErrors = Annotated[float | None, LATER, Field(exclude_if=_is_none)]


class Epoch(Frozen):
    """How an epoch went; its development result is that of the averaged weights."""

    epoch: int  # from 1
    steps: int  # in it
    learning_rate: float  # at its end
    train_loss: float  # nats a token
    clipped: float  # share of steps
    gradient_norms: dict[str, float]  # of each layer, root mean square over the steps
    dev: Result  # of the averaged weights
    best: bool  # of all epochs so far; every one where the last is chosen
    seconds: float  # with the development data
    warnings: list[str]  # layers whose gradient vanishes or explodes
    expected_errors: ExpectedErrors = None  # in training, for each unit; where it is learned from them


class ModelMade(Frozen):
    """The bundle beside the record."""

    parameters: int  # numbers that were learned
    weights_digest: str  # over names, shapes and values, whatever the file format
    best_epoch: int  # whose weights these are, from 1
    steps: int  # of the whole training


class TrailEntry(Frozen):
    """Digests after a step; the four hex digits a step tell which step was the first to differ, and in what."""

    step: int  # of the whole training, from 1; 0 is before the first
    heard: str  # four hex digits for each step since the entry before: ids and augmented audio
    loss: str  # likewise: the losses
    gradient: str  # likewise: the sum of the gradients, before clipping
    weights: str  # SHA-256 over names, shapes and values
    average: str  # likewise, of the averaged weights
    optimiser: str  # likewise, of its moments and counts
    cursor: str  # SHA-256 of the canonical JSON of where the training stands


class Outcome(Frozen):
    """What became of one utterance. Enough for paired tests, without texts."""

    speaker: str  # "" when unknown
    words: int  # of the reference
    errors: int  # in words
    characters: int  # errors in characters
    hypothesis: str  # first 16 hex digits of the SHA-256 of the text that was heard


class Searched(Frozen):
    """What a beam search read, besides greedy decoding: with what, how it was chosen, and what came out."""

    settings: SettingsUsed  # as it read dev and test
    language_model: LanguageModelUsed | None  # null: it had none
    lexicon: LexiconUsed | None  # likewise
    priors: list[
        float
    ]  # mean posterior of each token on training data; empty where no weight of them was tried
    attention: Annotated[AttentionUsed | None, LATER] = None  # the say of an attention decoder; null: none
    hearings: Annotated[Hearings, LATER] = 1  # of each utterance, whose mean was read; not there for one
    surface: list[PointTried]  # on dev, in the order in which they were tried; empty where weights were given
    results: dict[str, Result]  # dev, test
    outcomes: dict[str, dict[str, Outcome]]  # dev, test: by utterance
    seconds: float  # of the search in the test part, on one core, hearing not counted
    real_time_factor: float  # these seconds / audio


class Session(Frozen):
    """One process that worked on the run; an interrupted run has several."""

    started: str  # UTC, ISO 8601
    finished: str  # "" for one that was killed
    workers: int  # threads on the CPU in each process; they do not change the result
    processes: int = 1  # that shared the micro-batches of a step; they do not change it either
    machines: Annotated[list[int], LATER] = Field(
        default_factory=list
    )  # processes on each, where torchrun started them
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

    format: Literal[1, 2] = 2  # raised when a key changes its meaning; 1 is still read
    status: Literal["running", "interrupted", "complete"]  # "complete" has results
    command: str  # that makes this run; file names without their folders
    recipe: Recipe  # as resolved, every default included
    recipe_digest: str  # SHA-256 of the canonical JSON of the recipe
    environment: Environment  # of the last session
    numerics: NumericsUsed | None = None  # what took effect in the last session
    sessions: list[Session]  # one unless the run was interrupted
    corpus: CorpusUsed | None = None  # what was heard
    tokenizer: TokenizerUsed | None = None  # output units
    trained_in: Annotated[str, LATER] = ""  # digest of the seal of the record whose training it took over
    initial: Annotated[InitialUsed | None, LATER] = None  # the model that it began with, if not a fresh one
    epochs: list[Epoch] = Field(default_factory=list)  # in order
    trail: list[TrailEntry] = Field(default_factory=list)  # the way of the training, in order
    model: ModelMade | None = None  # what was learned
    results: dict[str, Result] = Field(default_factory=dict)  # dev, test
    outcomes: dict[str, dict[str, Outcome]] = Field(default_factory=dict)  # dev, test: by utterance
    times: Times | None = None  # what it took
    search: Annotated[Searched | None, LATER] = None  # what the recipe's decoder read, if it is a search
    named_files: Annotated[dict[str, str], LATER] = Field(
        default_factory=dict
    )  # SHA-256 of each file that the recipe names, by that name
    files: dict[str, str] = Field(default_factory=dict)  # SHA-256 by path inside the run folder
    checkpoints: dict[str, str] = Field(
        default_factory=dict
    )  # likewise; an audit can begin at one; may be deleted
    seal: dict[str, str] = Field(
        default_factory=dict
    )  # SHA-256 of the canonical JSON of every part of the record


def read_record(folder: Path) -> Record:
    """Reads record.json of a run folder, or a record file by itself; also one of an older format.

    Raises:
        RunError: there is none, or it is not a record of a format that is known.
    """
    path = record_path(folder)
    tree = read_tree(path)
    try:
        return Record.model_validate_json(json.dumps(upgraded(tree)))
    except ValidationError as error:
        raise RunError(f"{path}: {first_problem(error)}") from None


def record_path(run: Path) -> Path:
    """Of a run folder, or of a record file by itself."""
    return run / RECORD if run.is_dir() else run


def read_tree(path: Path) -> dict[str, Any]:
    """A record as it is written, checked for its format alone.

    Raises:
        RunError: no such file, no JSON, or no record of a format that is known.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        given = path.parent if path.name == RECORD else path
        raise RunError(f"{given}: no run here (no {RECORD}); runs are made by `asr run RECIPE`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: not a readable JSON file ({error})") from None
    if isinstance(tree, dict) and isinstance(kind := tree.get("kind"), str):  # a run's record has no such key
        raise RunError(f"{path}: the record of another kind ({kind:.30}), not of a run")
    if not isinstance(tree, dict) or tree.get("format") not in range(1, FORMAT + 1):
        found = tree.get("format") if isinstance(tree, dict) else type(tree).__name__
        raise RunError(f"{path}: record format {found!r}; this version of Attest reads formats 1 to {FORMAT}")
    return tree


def write_record(folder: Path, record: Record) -> Record:
    """Writes record.json; a complete record is sealed. Returns it as it was written."""
    tree = record.model_dump(mode="json")
    seal = seal_of(tree) if record.status == "complete" else {}
    write_json(folder / RECORD, {**tree, "seal": seal})
    return record.model_copy(update={"seal": seal})


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of record.json of the newest format, as published in docs/record.schema.json."""
    tree = Record.model_json_schema(mode="serialization")
    tree["properties"]["format"].update(const=FORMAT)
    del tree["properties"]["format"]["enum"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **tree, "title": "Attest run record"}
