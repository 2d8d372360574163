"""Development data: whole speakers of the training part, held out by a key that is the same for every seed."""

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asr.errors import CorpusError
from asr.manifest import Table, Utterance, table_of
from asr.randomness import Seeds, keyed_seed, keyed_seeds
from asr.recipe import Corpus


def hold_out(
    utterances: Sequence[Utterance], settings: Corpus
) -> tuple[Sequence[Utterance], Sequence[Utterance]]:
    """Splits training utterances into those to learn from and development data, both in the given order.

    Which speakers (or, for a corpus with one speaker, which utterances) are held out depends on the corpus and
    `settings.split_key` alone: runs with different seeds have the same development data.

    Raises:
        CorpusError: not enough speakers or utterances to hold out so many, or utterances without a speaker.
    """
    held = _speakers(utterances, settings) if settings.dev_speakers else _utterances(utterances, settings)
    if isinstance(utterances, Table):
        return utterances.choose(np.flatnonzero(~held)), utterances.choose(np.flatnonzero(held))
    learn = [utterance for utterance, out in zip(utterances, held, strict=True) if not out]
    return learn, [utterance for utterance, out in zip(utterances, held, strict=True) if out]


def take_share(utterances: Sequence[Utterance], settings: Corpus) -> Sequence[Utterance]:
    """The share of the training utterances that is learned from, in the given order; depends on ids and `split_key`."""
    if settings.train_share == 1:
        return utterances
    keys = keyed_seeds(0, "train-share", settings.split_key, last=table_of(utterances).id_keys())
    wanted = max(1, round(settings.train_share * len(utterances)))
    places = np.sort(np.argsort(keys, kind="stable")[:wanted])
    if isinstance(utterances, Table):
        return utterances.choose(places)
    return [utterances[place] for place in places.tolist()]


def _speakers(utterances: Sequence[Utterance], settings: Corpus) -> npt.NDArray[np.bool_]:
    """Whether each is of a speaker who is held out."""
    numbers: dict[str, int] = {}
    spoken = array("q", (numbers.setdefault(utterance.speaker, len(numbers)) for utterance in utterances))
    of_each = np.frombuffer(spoken, np.int64)
    unknown = int(np.count_nonzero(of_each == numbers.get("", -1)))
    if unknown:
        raise _no_speakers(settings, f"{unknown} of {len(utterances)} training utterances name no speaker")
    if len(numbers) == 1:
        raise _no_speakers(settings, "there is one training speaker only")
    keys = np.array([keyed_seed(0, "hold-out", settings.split_key, name) for name in numbers], np.uint64)
    return _lowest(keys, settings.dev_speakers, "speakers", settings)[of_each]


def _utterances(utterances: Sequence[Utterance], settings: Corpus) -> npt.NDArray[np.bool_]:
    """Whether each is held out by itself. Ids are known to be different (asr.corpora.decode)."""
    ids = table_of(utterances).id_keys()
    keys = keyed_seeds(0, "hold-out", settings.split_key, last=ids)
    return _lowest(keys, settings.dev_utterances, "utterances", settings)


def _lowest(keys: Seeds, wanted: int, kind: str, settings: Corpus) -> npt.NDArray[np.bool_]:
    """Whether each key is one of so many lowest."""
    if wanted >= len(keys):
        raise CorpusError(
            f"{settings.name}: cannot hold out {wanted} of {len(keys)} training {kind}; "
            + (f"set corpus.dev_{kind} to {len(keys) - 1} or less" if len(keys) > 1 else "more are needed")
        )
    lowest = np.zeros(len(keys), np.bool_)
    lowest[np.argsort(keys, kind="stable")[:wanted]] = True
    return lowest


def _no_speakers(settings: Corpus, trouble: str) -> CorpusError:
    return CorpusError(
        f"{settings.name}: cannot hold out speakers, as {trouble}; set corpus.dev_speakers to 0 and "
        f"corpus.dev_utterances to the number of utterances to hold out"
    )
