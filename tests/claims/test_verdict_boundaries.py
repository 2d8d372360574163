"""Where one verdict ends and the next begins: what is enough to call two results equivalent, or different.

A test that finds no difference is no evidence of there being none: with few data it finds none whatever is true.
"""

import json

import pytest
from by_hand import (
    FEW,
    MANY,
    another,
    claims,
    moved,
    of_format_1,
    other_bits,
    outcomes,
    record,
    result,
    with_key,
)
from hypothesis import given
from hypothesis import strategies as st

from asr.claims.verdict import EXIT, judge
from asr.evaluation.equivalence import equivalence
from asr.evaluation.significance import Paired, matched_pairs
from asr.runs.record import Outcome, Record


@pytest.mark.parametrize("count", [1, 2, 5, 20, 100, 250])
def test_no_difference_is_not_equivalence(count: int) -> None:
    """Two results with the same errors in every utterance, in other words. A test finds nothing, and shows nothing."""
    for errors in ([0] * count, [1] * count):
        found = judge(*claims(errors, errors))
        assert found.name == "inconclusive", found
        assert judge(*claims(errors, errors, texts="")).name == "same transcripts"


def test_how_many_utterances_show_equivalence() -> None:
    """No difference at all: utterances of ten words that fail as a whole could be among those not seen.

    t^2 s / margin words are needed, with t = 1.65 and s = 10: about 2720, or 272 utterances.
    """
    assert judge(*claims([0] * 265, [0] * 265)).name == "inconclusive"
    assert judge(*claims([0] * 280, [0] * 280)).name == "equivalent"
    # One word an utterance: s = 1, so that 272 words do, which are 272 utterances again.
    assert judge(*claims([0] * 265, [0] * 265, words=10)).name == "inconclusive"
    ones = [judge(*(_of_one_word(count, name) for name in ("one", "two"))).name for count in (265, 280)]
    assert ones == ["inconclusive", "equivalent"]


def _of_one_word(count: int, name: str) -> Record:
    made = record(outcomes([0] * count, 1, texts=name))
    return made if name == "one" else other_bits(made)


@pytest.mark.parametrize("second", [moved(MANY, 20), moved(MANY, 60, 20), moved(MANY, 0, 40)])
def test_the_margin_that_the_data_would_have_shown(second: list[int]) -> None:
    """Just above it they are equivalent, just below not; the verdict says which margin it would have taken."""
    first, other = claims(MANY, second)
    found = judge(first, other)
    assert found.equivalence is not None
    least = found.equivalence.smallest_margin
    above = judge(with_key(first, score__margin=least * 1.001), other)
    below = judge(with_key(first, score__margin=least * 0.999), other)
    assert above.name == "equivalent"
    assert below.name in ("inconclusive", "different")
    assert (above.margin, below.margin) == (least * 1.001, least * 0.999)
    if below.name == "inconclusive":
        assert f"a margin of ±{least:.2%}" in below.reason


def test_the_margin_is_that_of_the_first_record() -> None:
    """It was fixed before anything was run again: the second record cannot make it wider."""
    first, second = claims(FEW, moved(FEW, 2))
    wide = with_key(second, score__margin=0.9)
    assert (judge(first, wide).name, judge(first, wide).margin) == ("inconclusive", 0.01)
    assert (judge(wide, first).name, judge(wide, first).margin) == ("equivalent", 0.9)


def test_level_of_the_difference() -> None:
    """Just below and above 5 %: 12 utterances, of which some have an error more."""
    names = {}
    for more in range(13):
        found = judge(*claims(FEW, moved(FEW, 0, more)))
        assert found.difference is not None
        names[found.difference.p < 0.05] = names.get(found.difference.p < 0.05, set()) | {found.name}
    assert names == {True: {"different"}, False: {"inconclusive"}}


def test_speakers_count_where_there_are_enough() -> None:
    """Two of six speakers are much worse, the others as before: over utterances certain, over speakers not."""
    speakers = [f"s{number % 6}" for number in range(120)]
    worse = [3 if name in ("s0", "s1") else 1 for name in speakers]
    first = record(outcomes([1] * 120, speakers=speakers))
    second = other_bits(record(outcomes(worse, speakers=speakers)))
    found = judge(first, second)
    assert found.name == "inconclusive"
    assert "paired test over speakers: p = " in found.reason
    unnamed = judge(record(outcomes([1] * 120)), other_bits(record(outcomes(worse))))
    assert unnamed.name == "different"


# ---- records that do not tell of each utterance


def old(wer: float, half: float, utterances: int = 5000) -> Record:
    """A record of format 1 with this word error rate and interval, over utterances of ten words."""
    errors = [round(wer * 10 * utterances)] + [0] * (utterances - 1)
    made = record(outcomes(errors), interval=(wer - half, wer + half))
    return of_format_1(made)


def test_format_1_is_judged_by_its_intervals() -> None:
    """Half widths 0.3 and 0.4 % make 0.5 % together; at 90 % instead of 95 % that is about 0.42 %."""
    found = judge(old(0.05, 0.003), another(old(0.055, 0.004)))
    assert (found.name, found.difference) == ("equivalent", None)
    assert found.equivalence is not None
    assert found.equivalence.limited_by == "intervals"
    assert found.equivalence.interval == pytest.approx((0.005 - 0.0042, 0.005 + 0.0042), abs=2e-5)
    assert "from the intervals of both, as a record does not tell of each utterance" in found.reason
    assert judge(old(0.05, 0.003), another(old(0.0562, 0.004))).name == "inconclusive"
    # The other way round, and one of them of format 2: there is nothing to pair.
    assert judge(another(old(0.055, 0.004)), old(0.05, 0.003)).name == "equivalent"
    new = other_bits(record(outcomes([2750] + [0] * 4999), interval=(0.051, 0.059)))
    assert judge(old(0.05, 0.003), new).name == "equivalent"


def test_intervals_alone_show_no_difference() -> None:
    """They are not paired, so a difference is never certain; nor is it ever equivalent."""
    assert judge(old(0.01, 0.003), another(old(0.9, 0.003))).name == "inconclusive"


def test_few_utterances_are_not_equivalent_by_intervals_either() -> None:
    """An interval of no width (no error at all) is no evidence with 20 utterances; with 1000 it is."""
    few, many = old(0.0, 0.0, utterances=20), old(0.0, 0.0, utterances=1000)
    assert judge(few, another(few)).name == "inconclusive"
    assert judge(many, another(many)).name == "equivalent"


def test_a_single_utterance() -> None:
    """Nothing can be shown with it, and nothing breaks."""
    assert judge(*map(of_format_1, claims([1], [2]))).name == "inconclusive"
    assert judge(*claims([0], [10])).name == "inconclusive"


def test_utterances_of_other_names() -> None:
    """The same audio and texts under other ids: there are no pairs, and none is made up."""
    test = outcomes(FEW)
    renamed = {f"x{name}": outcome for name, outcome in test.items()}
    found = judge(record(test), other_bits(record(renamed)))
    assert (found.name, found.difference) == ("inconclusive", None)


# ---- of any two results


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Outcome], dict[str, Outcome], float]:
    count = draw(st.integers(2, 400))
    seed = draw(st.randoms(use_true_random=False))
    share, worse = draw(st.sampled_from([0.0, 0.02, 0.2])), draw(st.sampled_from([0.0, 0.01, 0.3]))
    people = draw(st.sampled_from([0, 3, 8]))
    words = [seed.randint(1, 12) for _ in range(count)]
    first = [sum(seed.random() < share for _ in range(length)) for length in words]
    second = [errors + (seed.random() < worse) for errors in first]
    speakers = [f"s{seed.randrange(people)}" for _ in range(count)] if people else []
    texts = draw(st.sampled_from(["", "other"]))
    margin = draw(st.sampled_from([0.001, 0.01, 0.1]))
    return outcomes(first, words, speakers), outcomes(second, words, speakers, texts=texts), margin


@given(pairs())
def test_the_verdict_is_what_the_tests_say(
    drawn: tuple[dict[str, Outcome], dict[str, Outcome], float],
) -> None:
    first, second, margin = drawn
    ours = with_key(record(first), score__margin=margin)
    theirs = other_bits(with_key(record(second), score__margin=margin))
    found = judge(ours, theirs)
    paired = Paired.of(first, second)
    if all(first[name].hypothesis == second[name].hypothesis for name in first):
        assert found.name == "same transcripts"
    elif equivalence(paired, margin, 0.05).equivalent:
        assert found.name == "equivalent"
        assert abs(result(second).wer - result(first).wer) < margin
    elif matched_pairs(paired).p < 0.05:
        assert found.name == "different"
        assert result(second).wer != result(first).wer
    else:
        assert found.name == "inconclusive"
    assert judge(theirs, ours).name == found.name  # whichever comes first
    shuffled = dict(reversed(second.items()))
    assert judge(ours, theirs.model_copy(update={"outcomes": {"test": shuffled}})) == found
    tree = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (tree["name"], tree["exit_status"], tree["margin"]) == (found.name, EXIT[found.name], margin)
    assert tree["parting"]["step"] == 2
