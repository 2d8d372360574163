"""Votes over words: by hand, against brute force, and what the order of the members has a say in."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.ensemble.rover import (
    NOTHING,
    Said,
    Slot,
    Transcript,
    Voting,
    _joined,
    distance,
    network,
    spoken,
    vote,
)

texts = st.lists(st.sampled_from("abc"), max_size=4).map(" ".join)
sure = st.sampled_from([None, 0.0, 0.25, 0.5, 0.75, 1.0])
transcripts = st.lists(
    st.lists(st.builds(Said, st.sampled_from("abc"), sure), max_size=4).map(tuple), min_size=1, max_size=4
)


def voted(*heard: str, voting: Voting | None = None) -> str:
    return " ".join(said.word or "" for said in vote(network([spoken(text) for text in heard]), voting))


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (("a b c", "a x c", "a b"), "a b c"),  # each member is wrong once
        (("one two", "one oh two", "one two"), "one two"),  # two of three say nothing there
        (("one two", "one oh two", "one oh two"), "one oh two"),
        (("", "go", ""), ""),
        (("go", "", "go"), "go"),
        (("a b", "c d", "e f"), "a b"),  # ties go to the member that is named first
        (("e f", "c d", "a b"), "e f"),
        (("p i t t", "p i d d", "b i t t"), "p i t t"),
        (("x",), "x"),
    ],
)
def test_by_hand(heard: Sequence[str], expected: str) -> None:
    assert voted(*heard) == expected


def test_words_of_one_place_share_a_slot() -> None:
    """NIST's costs: one substitution (4) is cheaper than a deletion and an insertion (3 + 3)."""
    slots = network([spoken("a b d"), spoken("a c d"), spoken("a d")])
    assert [[said.word for said in slot] for slot in slots] == [["a"] * 3, ["b", "c", None], ["d"] * 3]
    assert distance(spoken("a b"), spoken("a c")) == 4
    assert distance(spoken("a b"), spoken("a")) == distance(spoken("a"), spoken("a b")) == 3
    assert distance(spoken(""), spoken("a b")) == 6


def test_confidences_weigh() -> None:
    """Fiscus's formula by hand: weight 1/2, "a" twice at 0.2 and 0.4, "b" once at 0.9 and once at 1.0."""
    slot = (Said("a", 0.2), Said("b", 1.0), Said("a", 0.4), NOTHING)
    # a: 0.5 * 2/4 + 0.5 * 0.3 = 0.40; b: 0.5 * 1/4 + 0.5 * 1.0 = 0.625; nothing: 0.125 + 0.5 * null
    assert vote([slot], Voting(0.5, null=0.5)) == [Said("b", 1.0)]
    assert vote([slot], Voting(1.0)) == [Said("a", pytest.approx(0.3))]
    assert vote([slot], Voting(0.0, null=1.0)) == [Said("b", 1.0)]  # a tie of b and nothing: b is named first
    assert vote([slot[::-1]], Voting(0.0, null=1.0)) == []  # and here nothing is
    assert vote([(Said("a"), Said("b", 0.4))], Voting(0.0, unknown=0.5)) == [Said("a", None)]
    assert vote([(Said("a"), Said("b", 0.4))], Voting(0.0, unknown=0.3)) == [Said("b", 0.4)]


def test_nothing_can_be_made_likelier() -> None:
    assert voted("a b", "a", voting=Voting(0.5, null=0.9, unknown=0.5)) == "a"
    assert voted("a b", "a", voting=Voting(0.5, null=0.1, unknown=0.5)) == "a b"


def ways(slots: Sequence[Slot], words: Transcript, members: int) -> Iterator[list[Slot]]:
    """Every way to put a transcript beside a network."""
    if not slots and not words:
        yield []
    if slots and words:
        yield from ([(*slots[0], words[0]), *rest] for rest in ways(slots[1:], words[1:], members))
    if slots:
        yield from ([(*slots[0], NOTHING), *rest] for rest in ways(slots[1:], words, members))
    if words:
        yield from ([(*(NOTHING,) * members, words[0]), *rest] for rest in ways(slots, words[1:], members))


def cost(slots: Sequence[Slot]) -> int:
    """Of the last member, over all pairs with it."""
    total = 0
    for slot in slots:
        for other in slot[:-1]:
            if other.word != slot[-1].word:
                total += 3 if None in (other.word, slot[-1].word) else 4
    return total


@given(st.lists(texts, min_size=3, max_size=3))
def test_each_alignment_is_the_cheapest_of_all(heard: list[str]) -> None:
    first, second, third = map(spoken, heard)
    two = _joined([(said,) for said in first], second, 1)
    assert (
        cost(two) == min(map(cost, ways([(said,) for said in first], second, 1))) == distance(first, second)
    )
    three = _joined(two, third, 2)
    assert cost(three) == min(map(cost, ways(two, third, 2)))


@given(transcripts)
def test_nobody_loses_a_word(heard: list[Transcript]) -> None:
    slots = network(heard)
    for number, transcript in enumerate(heard):
        said = [slot[number] for slot in slots if slot[number].word is not None]
        assert said == list(transcript)
    assert all(any(said.word is not None for said in slot) for slot in slots)


def scores(slot: Slot, voting: Voting) -> dict[str | None, Fraction]:
    """As the formula is written, in whole fractions."""
    found = {}
    for word in {said.word for said in slot}:
        values = [said.confidence for said in slot if said.word == word]
        given_to = [voting.unknown if value is None else value for value in values]
        mean = Fraction(voting.null) if word is None else sum(map(Fraction, given_to)) / len(values)
        weight = Fraction(voting.weight)
        found[word] = weight * Fraction(len(values), len(slot)) + (1 - weight) * mean
    return found


votings = st.builds(Voting, st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 0.75]))


@given(transcripts, votings)
def test_the_highest_score_wins_and_ties_go_to_the_first(heard: list[Transcript], voting: Voting) -> None:
    slots = network(heard)
    expected = []
    for slot in slots:
        found = scores(slot, voting)
        best = [said.word for said in slot if found[said.word] == max(found.values())]
        expected.append(best[0])
    assert [said.word for said in vote(slots, voting)] == [word for word in expected if word is not None]


@given(transcripts, votings, st.randoms(use_true_random=False))
def test_the_order_of_the_members_decides_ties_alone(
    heard: list[Transcript], voting: Voting, random: object
) -> None:
    order = list(range(len(heard)))
    random.shuffle(order)  # type: ignore[attr-defined]
    here, there = network(heard), network([heard[number] for number in order])
    assert there == [tuple(slot[number] for number in order) for slot in here]
    ties = [
        list(found.values()).count(max(found.values())) for found in (scores(slot, voting) for slot in here)
    ]
    if all(count == 1 for count in ties):
        assert [said.word for said in vote(here, voting)] == [said.word for said in vote(there, voting)]


@given(texts, st.lists(texts, max_size=2))
def test_a_majority_that_agrees_has_its_way(agreed: str, others: list[str]) -> None:
    for heard in set(itertools.permutations([*others, *[agreed] * (len(others) + 1)])):
        assert voted(*heard) == agreed


@given(texts, texts)
def test_of_two_without_confidences_the_first_has_its_way(first: str, second: str) -> None:
    assert voted(first, second) == first


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="one transcript or more"):
        network([])
    with pytest.raises(ValueError, match="weight of the voting must be 0 to 1, got 2"):
        Voting(2.0)
    with pytest.raises(ValueError, match="null of the voting must be 0 to 1, got nan"):
        Voting(null=float("nan"))
