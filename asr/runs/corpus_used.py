"""The corpus as a run uses it: its parts, its identity, and what its parts share.

A run calls `split`, `refuse_leaks` before anything is learned, and `describe_corpus` for its record.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import fsum

from asr.corpora.holdout import hold_out, take_share
from asr.corpora.leaks import Where, find_leaks, shared_audio
from asr.corpora.prepared import PreparedCorpus
from asr.corpora.reading import some
from asr.corpora.registry import get_reader
from asr.errors import CorpusError
from asr.manifest import Utterance, identity, manifest_digest
from asr.recipe import Recipe
from asr.runs.record import CorpusUsed, LeftOutUtterance, Shared, Split
from asr.runs.seal import canonical_digest
from asr.training.selection import LeftOut

Parts = Mapping[str, Sequence[Utterance]]  # train, dev, test


def split(corpus: PreparedCorpus, recipe: Recipe) -> Parts:
    """The corpus's own test part, its training part, and development data: its own, or held out of training."""
    for name in ("train", "test"):
        if not corpus.splits.get(name):
            raise CorpusError(f"{corpus.name}: no utterances in its {name} part")
    if own := recipe.corpus.dev_split:
        if not corpus.splits.get(own):
            have = ", ".join(sorted(corpus.splits))
            raise CorpusError(
                f"{corpus.name}: has no split {own!r} (it has {have}); hold out development data with "
                "corpus.dev_speakers or corpus.dev_utterances, and set corpus.dev_split to nothing"
            )
        learn, dev = corpus.splits["train"], corpus.splits[own]
    else:
        learn, dev = hold_out(corpus.splits["train"], recipe.corpus)
    return {"train": take_share(learn, recipe.corpus), "dev": dev, "test": corpus.splits["test"]}


def refuse_leaks(parts: Parts, recipe: Recipe) -> str:
    """Lets no error rate be claimed of a test part that was learned from, unless the recipe says that it knows.

    Returns:
        What the user should be told of the development data, in one line; "" for nothing.

    Raises:
        CorpusError: the test part shares audio, texts or speakers with the others, and the recipe does not waive them
            by name; it says how many and the first of them, and where they are.
    """
    settings, test = recipe.corpus, parts["test"]
    leaks = find_leaks(parts, recipe.text)
    speakers = {utterance.speaker for utterance in test} - {""}
    shared = {
        "audio": _named(leaks.audio, f"audio of {len(leaks.audio)} of {len(test)} utterances"),
        "texts": _named(leaks.texts, f"texts of {len(leaks.texts)} of {len(test)} utterances"),
        "speakers": _named(leaks.speakers, f"{len(leaks.speakers)} of {len(speakers)} speakers"),
    }
    refused = {kind: text for kind, text in shared.items() if text and kind not in settings.waive}
    if refused:
        waive = json.dumps(sorted({*refused, *settings.waive}))
        raise CorpusError(
            f"{settings.name}: the test part shares with train and dev: {'; '.join(refused.values())}. An error rate "
            f"on these says little about others. Remove them from one of the parts; or, where the corpus is meant to "
            f"be used like this, waive it by name, and the record says so: waive = {waive} under [corpus] in the "
            f"recipe, or --set 'corpus.waive={waive}'"
        )
    copies = shared_audio({"train": parts["train"], "dev": parts["dev"]}, "dev")
    found = _named(copies, f"audio of {len(copies)} of {len(parts['dev'])} development utterances")
    return found and f"{settings.name}: {found}. The best epoch is chosen on what was learned"


def _named(shared: Where, what: str) -> str:
    """What is shared, how many of it with which part, the first ten names; "" for nothing."""
    if not shared:
        return ""
    counts = Counter(other for others in shared.values() for other in others)
    where = " and ".join(f"{counts[other]} in {other}" for other in ("train", "dev") if counts[other])
    return f"{what} ({where}): {some(list(shared))}"


def describe_corpus(
    corpus: PreparedCorpus, parts: Parts, left_out: Sequence[LeftOut], recipe: Recipe
) -> CorpusUsed:
    """For the record."""
    leaks = find_leaks(parts, recipe.text)
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
        shared=Shared(audio=list(leaks.audio), texts=list(leaks.texts), speakers=list(leaks.speakers)),
        waived=sorted(set(recipe.corpus.waive)),
    )


def settings_digest(recipe: Recipe, used: CorpusUsed) -> str:
    """All that a checkpoint depends on besides the code: SHA-256 of the recipe and of each part's identity.

    The decoder of the recipe is left out: it reads what has been learned.
    """
    learning = canonical_digest(recipe.model_dump(mode="json", exclude={"decoder"}))
    parts = [learning, *(f"{name} {part.digest}" for name, part in sorted(used.splits.items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _describe(utterances: Sequence[Utterance]) -> Split:
    return Split(
        utterances=len(utterances),
        seconds=round(fsum(utterance.duration for utterance in utterances), 3),
        speakers=len({utterance.speaker for utterance in utterances} - {""}),
        digest=identity(utterance.digest for utterance in utterances),
        manifest=manifest_digest(utterances),
    )
