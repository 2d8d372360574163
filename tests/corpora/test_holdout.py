"""Development data: whole speakers, the same for every seed."""

import itertools
import random

import pytest

from asr.corpora.holdout import hold_out, take_share
from asr.errors import CorpusError
from asr.manifest import Utterance
from asr.recipe import Corpus

SPEAKERS = [f"speaker{n}" for n in range(12)]
UTTERANCES = [Utterance(f"{s}-{n}", "x.wav", 1.0, "a", speaker=s) for n in range(4) for s in SPEAKERS]


def held(utterances: list[Utterance], **settings: object) -> tuple[list[Utterance], list[Utterance]]:
    return hold_out(utterances, Corpus(name="an4", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 3, 11])
def test_whole_speakers_are_held_out(count: int) -> None:
    learn, dev = held(UTTERANCES, dev_speakers=count)
    heard, kept = {u.speaker for u in learn}, {u.speaker for u in dev}
    assert len(kept) == count
    assert not heard & kept
    assert heard | kept == set(SPEAKERS)
    assert len(dev) == 4 * count


def test_nothing_is_lost_and_the_order_is_kept() -> None:
    for settings in ({"dev_speakers": 3}, {"dev_utterances": 9}):
        learn, dev = held(UTTERANCES, **settings)
        place = {utterance.id: number for number, utterance in enumerate(UTTERANCES)}
        for part in (learn, dev):
            assert [place[u.id] for u in part] == sorted(place[u.id] for u in part)
        assert sorted(place[u.id] for u in learn + dev) == list(range(len(UTTERANCES)))


def test_order_of_the_corpus_does_not_choose() -> None:
    shuffled = random.Random(1).sample(UTTERANCES, len(UTTERANCES))
    for settings in ({"dev_speakers": 3}, {"dev_utterances": 9}):
        assert {u.id for u in held(shuffled, **settings)[1]} == {
            u.id for u in held(UTTERANCES, **settings)[1]
        }


def test_key_chooses() -> None:
    chosen = {
        frozenset(u.speaker for u in held(UTTERANCES, dev_speakers=3, split_key=key)[1])
        for key in ("dev", "a", "b", "c")
    }
    assert len(chosen) == 4


def test_more_is_the_same_and_more() -> None:
    """Who asks for one more speaker keeps those that were held out before."""
    few, many = (held(UTTERANCES, dev_speakers=count)[1] for count in (3, 4))
    assert {u.id for u in few} < {u.id for u in many}


def test_utterances_of_one_speaker() -> None:
    alone = [Utterance(f"u{n}", "x.wav", 1.0, "a", speaker="anna") for n in range(10)]
    learn, dev = held(alone, dev_utterances=3)
    assert (len(learn), len(dev)) == (7, 3)


def test_speakers_that_cannot_be_held_out() -> None:
    """The advice must be one that the recipe takes: not "set corpus.dev_speakers to 0 or less"."""
    alone = [Utterance(f"u{n}", "x.wav", 1.0, "a", speaker="anna") for n in range(3)]
    unknown = [*UTTERANCES[:2], Utterance("u", "x.wav", 1.0, "a"), Utterance("v", "x.wav", 1.0, "a")]
    advice = "set corpus.dev_speakers to 0 and corpus.dev_utterances to the number of utterances to hold out"
    with pytest.raises(CorpusError, match=f"there is one training speaker only; {advice}"):
        held(alone, dev_speakers=1)
    with pytest.raises(CorpusError, match=f"2 of 4 training utterances name no speaker; {advice}"):
        held(unknown, dev_speakers=1)
    assert len(held(unknown, dev_utterances=1)[1]) == 1
    with pytest.raises(CorpusError, match="cannot hold out 1 of 1 training utterances; more are needed"):
        held(alone[:1], dev_utterances=1)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"dev_speakers": 12},
            "an4: cannot hold out 12 of 12 training speakers; set corpus.dev_speakers to 11 or less",
        ),
        (
            {"dev_utterances": 60},
            "cannot hold out 60 of 48 training utterances; set corpus.dev_utterances to 47",
        ),
    ],
)
def test_not_enough(settings: dict[str, int], expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        held(UTTERANCES, **settings)


def test_shares_of_the_training_part_lie_within_each_other() -> None:
    learn, _ = held(UTTERANCES, dev_speakers=2)
    taken = [
        [u.id for u in take_share(learn, Corpus(name="an4", dev_speakers=2, train_share=share))]
        for share in (0.001, 0.1, 0.5, 1.0)
    ]
    assert [len(ids) for ids in taken] == [1, 4, 20, 40]
    for smaller, larger in itertools.pairwise(taken):
        assert set(smaller) < set(larger)
        assert smaller == [each for each in larger if each in set(smaller)]  # in the given order
