"""Run records made by hand, so that a difference can be planted in exactly one place (trails: history.py)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import miniature
from history import History, digest

from asr.recipe import Recipe
from asr.runs.environment import Code, Environment
from asr.runs.numerics_used import NumericsUsed
from asr.runs.record import (
    CorpusUsed,
    Counts,
    Epoch,
    ModelMade,
    Outcome,
    Record,
    Result,
    Session,
    Shared,
    Split,
    Times,
    TokenizerUsed,
    TrailEntry,
)

PARTED = "the trainings part at step 2: the losses"  # of a record and its `other_bits`
# Ten words an utterance: 1200 of them are enough for a margin of 1 %, 12 for none.
MANY, FEW = [1] * 1200, [1] * 12


def outcomes(
    errors: Sequence[int],
    words: int | Sequence[int] = 10,
    speakers: Sequence[str] = (),
    texts: str | Sequence[str] = "",
) -> dict[str, Outcome]:
    """Of utterances u0000, u0001, ...; texts with as many errors are the same where `texts` says nothing."""
    lengths = [words] * len(errors) if isinstance(words, int) else words
    names = [f"u{number:04d}" for number in range(len(errors))]
    said = [texts] * len(errors) if isinstance(texts, str) else texts
    return {
        name: Outcome(
            speaker=speakers[number] if speakers else "",
            words=lengths[number],
            errors=errors[number],
            characters=errors[number],
            hypothesis=digest(name, errors[number], said[number])[:16],
        )
        for number, name in enumerate(names)
    }


def result(found: Mapping[str, Outcome], interval: tuple[float, float] | None = None) -> Result:
    """The score that goes with outcomes; every error is a substitution, or an insertion where words run out."""
    words = sum(outcome.words for outcome in found.values())
    errors = sum(outcome.errors for outcome in found.values())
    substitutions = min(errors, words)
    counts = Counts(
        hits=words - substitutions,
        substitutions=substitutions,
        deletions=0,
        insertions=errors - substitutions,
        reference_length=words,
    )
    rate = errors / words
    wrong = sum(outcome.errors > 0 for outcome in found.values())
    return Result(
        wer=rate,
        wer_interval_95=interval or (max(0.0, rate - 0.01), rate + 0.01),
        cer=rate,
        ser=wrong / len(found),
        words=counts,
        characters=counts,
        sentences=len(found),
        wrong_sentences=wrong,
    )


def part(name: str, utterances: int = 10) -> Split:
    return Split(
        utterances=utterances,
        seconds=float(utterances),
        speakers=2,
        digest=digest("audio of", name),
        manifest=digest("manifest of", name),
    )


def epoch(number: int, steps: int, loss: float = 1.0) -> Epoch:
    return Epoch(
        epoch=number,
        steps=steps,
        learning_rate=0.01,
        train_loss=loss,
        clipped=0.0,
        gradient_norms={"output": 1.0},
        dev=result(outcomes([1, 0])),
        best=number == 1,
        seconds=1.0,
        warnings=[],
    )


def corpus() -> CorpusUsed:
    return CorpusUsed(
        name="an4",
        source="an4",
        source_sha256="",
        synthetic=False,
        lock="not checked",
        identity={"train": digest("corpus train"), "test": digest("corpus test")},
        splits={name: part(name) for name in ("train", "dev", "test")},
        left_out=[],
        shared=Shared(audio=[], texts=[], speakers=[]),
        waived=[],
    )


def session() -> Session:
    return Session(
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:01:00+00:00",
        workers=2,
        device="cpu",
        code=Code(version="0.1.0", commit="c" * 40, changed=False, digest=digest("code")),
        peak_memory=2**28,
    )


def environment() -> Environment:
    return Environment(
        python="3.12.0",
        system="Linux 6.1",
        machine="x86_64",
        processor="Some Processor",
        instructions="AVX2",
        cores=2,
        memory=2**33,
        packages={"torch": "2.9.0", "soundfile": "0.13.1", "numpy": "2.3.0"},
        libsndfile="1.2.2",
        libc="glibc 2.39",
        torch_build={"blas": "MKL 2024", "onednn": "3.5"},
        variables={"OMP_NUM_THREADS": "1", "MKL_CBWR": "AVX2,STRICT"},
    )


def numerics() -> NumericsUsed:
    return NumericsUsed(
        determinism="strict",
        threads=1,
        aten="AVX2",
        onednn="Intel AVX2",
        mkl="AVX2,STRICT",
        gradient_sum="int64",
        deterministic_algorithms=True,
        cudnn={"benchmark": False, "deterministic": True},
        float32={"matmul": "ieee", "cudnn.rnn": "ieee", "cudnn.conv": "ieee"},
    )


def record(
    test: Mapping[str, Outcome] | None = None,
    *,
    trail: Sequence[TrailEntry] | None = None,
    weights: str = "one",
    interval: tuple[float, float] | None = None,
    recipe: Recipe | None = None,
    **changes: Any,
) -> Record:
    """A complete record of two epochs of six steps each. Whatever is not said is the same in all.

    Args:
        test: outcomes of the test part; by default ten utterances of ten words, one with an error.
        weights: names the weights, so that two records have the same ones or not.
        interval: of the test word error rate, where a test depends on it.
        changes: of the record's keys.
    """
    test = outcomes([1] + [0] * 9) if test is None else test
    dev = outcomes([1, 0])
    settings = recipe or miniature.recipe(train__epochs=2, train__digest_every=4)
    files = {
        "hypotheses/dev.jsonl": digest(dev),
        "hypotheses/test.jsonl": digest(sorted(test.items())),
        "model/weights.safetensors": digest("file", weights),
    }
    made = Record(
        status="complete",
        command="asr run miniature.toml",
        recipe=settings,
        recipe_digest=settings.digest(),
        environment=environment(),
        numerics=numerics(),
        sessions=[session()],
        corpus=corpus(),
        tokenizer=TokenizerUsed(kind="characters", size=12, digest=digest("tokenizer")),
        epochs=[epoch(1, 6), epoch(2, 6)],
        trail=list(History.of(12).trail(4, epoch=6) if trail is None else trail),
        model=ModelMade(parameters=1000, weights_digest=digest("weights", weights), best_epoch=1, steps=12),
        results={"dev": result(dev), "test": result(test, interval)},
        outcomes={"dev": dev, "test": dict(test)},
        times=Times(training=1.0, decoding=0.1, real_time_factor=0.01),
        files=files,
    )
    return made.model_copy(update=changes)


def other_bits(made: Record, name: str = "two") -> Record:
    """The same claim from another training: it parts from the first at the losses of step 2."""
    assert made.model is not None
    history = History.of(made.trail[-1].step).parted(2, ["loss"])
    model = made.model.model_copy(update={"weights_digest": digest("weights", name)})
    files = {**made.files, "model/weights.safetensors": digest("file", name)}
    return made.model_copy(update={"trail": history.trail(4, epoch=6), "model": model, "files": files})


def of_format_1(made: Record) -> Record:
    """What a record of format 1 tells of the same run."""
    changes: dict[str, Any] = {"format": 1, "trail": [], "outcomes": {}, "numerics": None, "seal": {}}
    return made.model_copy(update=changes)


def with_part(made: Record, name: str, **changes: Any) -> Record:
    """Another train, dev or test part of the corpus."""
    assert made.corpus is not None
    splits = {**made.corpus.splits, name: made.corpus.splits[name].model_copy(update=changes)}
    return made.model_copy(update={"corpus": made.corpus.model_copy(update={"splits": splits})})


def with_key(made: Record, **changes: Any) -> Record:
    """Other keys of the recipe: `with_key(record, train__clip=2.0)`."""
    tree = made.recipe.model_dump(mode="json")
    for key, value in changes.items():
        table, _, last = key.rpartition("__")
        (tree[table] if table else tree)[last] = value
    recipe = Recipe.model_validate_json(json.dumps(tree))
    return made.model_copy(update={"recipe": recipe, "recipe_digest": recipe.digest()})


def another(made: Record) -> Record:
    """With other weights and transcripts, and other epochs: all that a record of format 1 has of a training."""
    assert made.model is not None
    model = made.model.model_copy(update={"weights_digest": "e" * 64})
    files = {**made.files, "hypotheses/test.jsonl": "e" * 64, "hypotheses/dev.jsonl": "e" * 64}
    return made.model_copy(update={"model": model, "files": files, "epochs": [epoch(1, 6, 9.0)]})


def claims(
    first: Sequence[int], second: Sequence[int], texts: str = "other words", words: int = 10
) -> tuple[Record, Record]:
    """Two trainings that part, with so many errors in each test utterance.

    Their transcripts differ even where they have as many errors, unless `texts` is "".
    """
    return record(outcomes(first, words)), other_bits(record(outcomes(second, words, texts=texts)))


def moved(errors: Sequence[int], count: int, more: int = 0) -> list[int]:
    """`count` utterances with an error more and as many with one less, and then `more` with one more."""
    found = list(errors)
    for place in range(count):
        found[2 * place] += 1
        found[2 * place + 1] -= 1
    for place in range(more):
        found[2 * count + place] += 1
    return found
