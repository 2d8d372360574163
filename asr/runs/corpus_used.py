"""The corpus as a run uses it: its parts, its identity, and what its parts share."""

import hashlib
from collections.abc import Sequence

from asr.corpora.holdout import hold_out
from asr.corpora.prepare import PreparedCorpus
from asr.corpora.registry import get_reader
from asr.errors import CorpusError
from asr.manifest import Utterance, identity
from asr.recipe import Recipe
from asr.runs.record import CorpusUsed, LeftOutUtterance, Split
from asr.training.selection import LeftOut

Parts = dict[str, list[Utterance]]  # train, dev, test


def split(corpus: PreparedCorpus, recipe: Recipe) -> Parts:
    """The corpus's own test part, and its training part with the development data held out."""
    for name in ("train", "test"):
        if not corpus.splits.get(name):
            raise CorpusError(f"{corpus.name}: no utterances in its {name} part")
    learn, dev = hold_out(corpus.splits["train"], recipe.corpus)
    return {"train": learn, "dev": dev, "test": corpus.splits["test"]}


def describe_corpus(corpus: PreparedCorpus, parts: Parts, left_out: Sequence[LeftOut]) -> CorpusUsed:
    """For the record."""
    heard = {utterance.speaker for utterance in parts["train"]}
    return CorpusUsed(
        name=corpus.name,
        source=corpus.source_name,
        source_sha256=corpus.source_sha256,
        synthetic=get_reader(corpus.name).make is not None,
        lock=corpus.lock_state,
        identity={name: lock.digest for name, lock in corpus.locks.items()},
        splits={name: _describe(utterances) for name, utterances in parts.items()},
        maker=corpus.maker,
        left_out=[LeftOutUtterance(id=item.id, reason=item.reason) for item in left_out],
        shared_speakers=sorted(heard & {utterance.speaker for utterance in parts["test"]} - {""}),
    )


def settings_digest(recipe: Recipe, used: CorpusUsed) -> str:
    """All that a checkpoint depends on besides the code: SHA-256 of the recipe and of each part's identity."""
    parts = [recipe.digest(), *(f"{name} {part.digest}" for name, part in sorted(used.splits.items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _describe(utterances: Sequence[Utterance]) -> Split:
    return Split(
        utterances=len(utterances),
        seconds=round(sum(utterance.duration for utterance in utterances), 3),
        speakers=len({utterance.speaker for utterance in utterances} - {""}),
        digest=identity(utterance.digest for utterance in utterances),
    )
