"""What else is different between two runs, the most likely cause of a first difference first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from asr.claims.findings import NOTHING, brief, differences
from asr.claims.trails import Place
from asr.recipe_file import named_files
from asr.runs.record import Record

Kind = Literal[
    "seed",
    "recipe of the data",  # corpus, text, tokenizer, augmentation, batches
    "recipe of the model",  # front end, layers
    "recipe of the training",  # rates, clipping, averaging
    "determinism",
    "training data",
    "names of utterances",
    "development data",
    "test data",
    "device",
    "instructions",  # of the processor, as the libraries use it
    "threads",
    "libraries",
    "audio libraries",
    "machine",
    "code",
    "change between sessions",  # of an interrupted run
    "recipe of the score",
    "recipe of the decoder",  # its language model and lexicon, too
    "layout",  # workers and processes, which must not matter
]
# By where two trainings part: kinds that can do it there, the most likely first. What is not named comes after.
_COMPUTED: tuple[Kind, ...] = (
    "determinism",
    "change between sessions",
    "threads",
    "instructions",
    "libraries",
    "device",
    "machine",
    "code",
)
_DATA: tuple[Kind, ...] = ("seed", "recipe of the data", "training data", "names of utterances")
LIKELY: Mapping[Place | None, tuple[Kind, ...]] = {
    # Orthogonal matrices come from a decomposition, so what computes it has a say at the start, too.
    "start": (*_DATA, "recipe of the model", *_COMPUTED),
    "audio": (*_DATA, "audio libraries", "libraries", "code"),
    # The state before can have differed already, between two digests of it.
    "loss": ("recipe of the model", "recipe of the training", *_COMPUTED),
    "gradient": ("recipe of the model", "recipe of the training", *_COMPUTED),
    "update": ("recipe of the training", *_COMPUTED),
    "epoch": (
        *_DATA,
        "recipe of the model",
        "recipe of the training",
        "audio libraries",
        "development data",
        *_COMPUTED,
    ),
    "cursor": (
        "development data",
        "recipe of the data",
        "recipe of the training",
        "recipe of the score",
        "code",
    ),
    "end": ("recipe of the training", "recipe of the data", "development data", "code"),
    None: (
        "recipe of the score",
        "recipe of the decoder",
        "test data",
        "development data",
        "libraries",
        "code",
    ),
}
_SECTIONS: dict[str, Kind] = {
    "seed": "seed",
    "corpus": "recipe of the data",
    "text": "recipe of the data",
    "tokenizer": "recipe of the data",
    "augment": "recipe of the data",
    "front_end": "recipe of the model",
    "model": "recipe of the model",
    "init": "recipe of the model",  # what its weights begin as
    "spec_augment": "recipe of the model",
    "train": "recipe of the training",
    "risk": "recipe of the training",
    "score": "recipe of the score",
    "decoder": "recipe of the decoder",
    "numerics": "determinism",
}
_OF_BATCHES = {"train.utterances", "train.seconds", "train.micro_batches"}
# They say how a run is kept, not what it computes.
_WITHOUT_EFFECT = {
    "name",
    "corpus.waive",
    "train.checkpoint_seconds",
    "train.digest_every",
    "train.keep_checkpoints",
    "score.margin",
}
_NUMERICS: dict[str, Kind] = {  # determinism itself is a key of the recipe
    "gradient_sum": "determinism",
    "deterministic_algorithms": "determinism",
    "cudnn": "determinism",
    "threads": "threads",
    "aten": "instructions",
    "onednn": "instructions",
    "mkl": "instructions",
    "float32": "instructions",
}
_OF_THREADS = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_DYNAMIC", "OMP_DYNAMIC"}
_OF_CUDA = {"CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE"}  # decide nothing on a CPU
_AUDIO_PACKAGES = {"soundfile", "soxr"}


@dataclass(frozen=True)
class Cause:
    """Something that is different, and may be why."""

    kind: Kind
    what: str  # a key, a library, a part of the corpus
    first: str  # as the first run has it, in words
    second: str
    likely: bool = False  # can explain the first difference

    def __str__(self) -> str:
        return f"{self.kind}: {self.what} is {self.first} in the first, {self.second} in the second"


def causes(first: Record, second: Record, place: Place | None, named: str = "") -> list[Cause]:
    """Everything that differs, in the order of its likelihood.

    Args:
        place: where the trainings part; None where they do not.
        named: which training utterances differ, in words, where that is known.
    """
    order = LIKELY[place]
    found = [replace(cause, likely=cause.kind in order) for cause in _all(first, second, named)]
    return sorted(found, key=lambda cause: order.index(cause.kind) if cause.likely else len(order))


def _all(first: Record, second: Record, named: str) -> Iterator[Cause]:
    yield from _of_recipe(first, second)
    yield from _of_corpus(first, second, named)
    yield from _of_files(first, second)
    yield from _of_numerics(first, second)
    yield from _of_environment(first, second)
    ours, theirs = first.sessions[-1], second.sessions[-1]
    if ours.device != theirs.device:
        yield Cause("device", "the device", ours.device, theirs.device)
    if ours.code.digest != theirs.code.digest:
        yield Cause("code", "Attest", _code(first), _code(second))
    changes = [_changed_on_the_way(record) for record in (first, second)]
    if changes != ["nothing", "nothing"]:  # also the same in both: that is why it may not come out again
        yield Cause("change between sessions", "what changed on the way", changes[0], changes[1])
    for key in ("workers", "processes"):
        if getattr(ours, key) != getattr(theirs, key):
            yield Cause("layout", key, str(getattr(ours, key)), str(getattr(theirs, key)))


def _of_recipe(first: Record, second: Record) -> Iterator[Cause]:
    trees = [record.recipe.model_dump(mode="json") for record in (first, second)]
    for key, ours, theirs in differences(trees[0], trees[1]):
        section = key.partition(".")[0]
        if key in _WITHOUT_EFFECT or any(key.startswith(f"{name}.") for name in _WITHOUT_EFFECT):
            continue
        kind = "recipe of the data" if key in _OF_BATCHES else _SECTIONS[section]
        yield Cause(kind, f"recipe key {key}", brief(ours), brief(theirs))


def _of_files(first: Record, second: Record) -> Iterator[Cause]:
    """Files that both recipes name alike, and what was made of the training texts."""
    keys = {name: key for record in (first, second) for key, name in named_files(record.recipe).items()}
    for name in sorted(first.named_files.keys() & second.named_files.keys()):
        ours, theirs = first.named_files[name], second.named_files[name]
        if ours != theirs:
            kind = _SECTIONS[keys.get(name, "decoder").partition(".")[0]]
            yield Cause(kind, f"the file {name}", f"{ours[:12]}…", f"{theirs[:12]}…")
    if first.search is None or second.search is None:
        return
    one, other = first.search.language_model, second.search.language_model
    if one and other and one.sha256 != other.sha256:
        texts = [f"{each.sha256[:12]}…" for each in (one, other)]
        yield Cause("recipe of the decoder", "the language model", texts[0], texts[1])
    weights = [each.settings.model_dump(mode="json") for each in (first.search, second.search)]
    for key, found, expected in differences(weights[0], weights[1]):
        yield Cause("recipe of the decoder", f"{key} of the search", brief(found), brief(expected))


def _of_corpus(first: Record, second: Record, named: str) -> Iterator[Cause]:
    if first.corpus is None or second.corpus is None:
        return
    kinds: dict[str, Kind] = {"train": "training data", "dev": "development data", "test": "test data"}
    for part, kind in kinds.items():
        ours, theirs = first.corpus.splits.get(part), second.corpus.splits.get(part)
        if ours is None or theirs is None:
            continue
        if ours.digest != theirs.digest:
            names = f" ({named})" if named else ""
            texts = [
                f"{each.utterances} utterances, {each.seconds:g} s, {each.digest[:12]}…"
                for each in (ours, theirs)
            ]
            yield Cause(kind, f"the {part} part of {first.corpus.name}{names}", texts[0], texts[1])
        elif ours.manifest and theirs.manifest and ours.manifest != theirs.manifest and part == "train":
            # Randomness is keyed by the id of an utterance.
            yield Cause(
                "names of utterances",
                "the digest of train's ids",
                f"{ours.manifest[:12]}…",
                f"{theirs.manifest[:12]}…",
            )


def _of_numerics(first: Record, second: Record) -> Iterator[Cause]:
    ours, theirs = first.numerics, second.numerics
    if ours is None or theirs is None:
        yield from _of_variables(first, second)
        return
    names = {"aten": "torch's own kernels", "onednn": "oneDNN", "mkl": "reproducibility mode of MKL"}
    for key, kind in _NUMERICS.items():
        if getattr(ours, key) != getattr(theirs, key):
            yield Cause(kind, names.get(key, key), brief(getattr(ours, key)), brief(getattr(theirs, key)))


def _of_variables(first: Record, second: Record) -> Iterator[Cause]:
    """Of records that do not hold what took effect: what was asked for."""
    ours, theirs = first.environment, second.environment
    if ours.instructions != theirs.instructions:
        yield Cause("instructions", "torch's own kernels", ours.instructions, theirs.instructions)
    on_cuda = any(each.sessions[-1].device != "cpu" for each in (first, second))
    for name in sorted(ours.variables.keys() | theirs.variables.keys()):
        values = [each.variables.get(name, "not set") for each in (ours, theirs)]
        if values[0] != values[1] and (name not in _OF_CUDA or on_cuda):
            kind: Kind = "threads" if name in _OF_THREADS else "instructions"
            yield Cause(kind, name, values[0], values[1])


def _of_environment(first: Record, second: Record) -> Iterator[Cause]:
    ours, theirs = first.environment, second.environment
    for name in sorted(ours.packages.keys() | theirs.packages.keys()):
        values = [each.packages.get(name, "none") for each in (ours, theirs)]
        if values[0] != values[1]:
            kind: Kind = "audio libraries" if name in _AUDIO_PACKAGES else "libraries"
            yield Cause(kind, name, values[0], values[1])
    if ours.libsndfile != theirs.libsndfile:
        yield Cause("audio libraries", "libsndfile", ours.libsndfile, theirs.libsndfile)
    for key, values in differences_of(ours.torch_build, theirs.torch_build):
        yield Cause("libraries", f"torch's {key}", values[0], values[1])
    for key in ("processor", "machine", "python", "libc", "system"):
        values = [getattr(ours, key), getattr(theirs, key)]
        if values[0] != values[1] and all(values):
            yield Cause("machine", key, values[0], values[1])


def differences_of(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Keys of which two mappings have other values, with both in words."""
    for key, found, expected in differences(dict(ours), dict(theirs)):
        values = ["none" if value in (NOTHING, "") else str(value) for value in (found, expected)]
        if values[0] != values[1]:
            yield key, values


def _changed_on_the_way(record: Record) -> str:
    return "; ".join(text for session in record.sessions for text in session.differs) or "nothing"


def _code(record: Record) -> str:
    code = record.sessions[-1].code
    return f"{code.version} ({code.commit[:12] or 'no commit'}{', changed' * bool(code.changed)}, {code.digest[:12]}…)"
