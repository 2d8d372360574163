"""Development data: whole speakers of the training part, held out by a key that is the same for every seed."""

from collections.abc import Sequence

from asr.errors import CorpusError
from asr.manifest import Utterance
from asr.randomness import keyed_seed
from asr.recipe import Corpus


def hold_out(utterances: Sequence[Utterance], settings: Corpus) -> tuple[list[Utterance], list[Utterance]]:
    """Splits training utterances into those to learn from and development data, both in the given order.

    Which speakers (or, for a corpus with one speaker, which utterances) are held out depends on the corpus and
    `settings.split_key` alone: runs with different seeds have the same development data.

    Raises:
        CorpusError: not enough speakers or utterances to hold out so many, or utterances without a speaker.
    """
    by_speaker = settings.dev_speakers > 0
    if by_speaker:
        _check_speakers(utterances, settings)
    names = {u.speaker if by_speaker else u.id for u in utterances}
    wanted = settings.dev_speakers or settings.dev_utterances
    if wanted >= len(names):
        kind = "speakers" if by_speaker else "utterances"
        raise CorpusError(
            f"{settings.name}: cannot hold out {wanted} of {len(names)} training {kind}; "
            + (f"set corpus.dev_{kind} to {len(names) - 1} or less" if len(names) > 1 else "more are needed")
        )
    ranked = sorted(names, key=lambda name: keyed_seed(0, "hold-out", settings.split_key, name))
    held = set(ranked[:wanted])
    learn = [u for u in utterances if (u.speaker if by_speaker else u.id) not in held]
    dev = [u for u in utterances if (u.speaker if by_speaker else u.id) in held]
    return learn, dev


def _check_speakers(utterances: Sequence[Utterance], settings: Corpus) -> None:
    unknown = sum(not utterance.speaker for utterance in utterances)
    if unknown:
        trouble = f"{unknown} of {len(utterances)} training utterances name no speaker"
    elif len({utterance.speaker for utterance in utterances}) == 1:
        trouble = "there is one training speaker only"
    else:
        return
    raise CorpusError(
        f"{settings.name}: cannot hold out speakers, as {trouble}; set corpus.dev_speakers to 0 and "
        f"corpus.dev_utterances to the number of utterances to hold out"
    )
