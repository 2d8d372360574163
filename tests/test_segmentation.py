import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.tokenizer.homophones import Beside, homophones, only_beside, words_and_pairs
from asr.tokenizer.segmentation import Segment, Segmenter

BOUNDARY = 9
SPELLED = [("ab", (1, 2)), ("b", (2,)), ("bac", (2, 1, 3)), ("c", (3,)), ("c", (1, 1)), ("cab", (3, 1, 2))]
COUNTS = {"ab": 4, "b": 1, "bac": 2, "c": 3, "cab": 2}


def segmenter_of(
    spelled: list[tuple[str, tuple[int, ...]]], counts: dict[str, int], boundary: int | None
) -> Segmenter:
    return Segmenter(spelled, counts, Beside(counts, {}), boundary)


def price(token: int) -> int:
    """Of a token left out or put in, in twentieths of an edit."""
    return 19 if token == BOUNDARY else 20


def edits(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Levenshtein's distance, as it is written in every textbook."""
    row = list(itertools.accumulate(map(price, second), initial=0))
    for a in first:
        before, row[0] = row[0], row[0] + price(a)
        for place, b in enumerate(second, 1):
            here = min(row[place] + price(a), row[place - 1] + price(b), before + 20 * (a != b))
            before, row[place] = row[place], here
    return row[-1]


def cost(words: list[str], heard: list[int], boundary: int | None) -> tuple[int, int]:
    """Edits of the best pronunciations of the words, and how rare they are in thousandths of a nat."""
    total = sum(COUNTS.values())
    closing = () if boundary is None else (boundary,)
    ways = [[tokens for word, tokens in SPELLED if word == each] for each in words]
    target = (*heard, *closing)
    fewest = min(
        edits(tuple(token for way in chosen for token in (*way, *closing)), target)
        for chosen in itertools.product(*ways)
    )
    return fewest, sum(round(-1000 * math.log(COUNTS[word] / total)) for word in words)


def best_cost(heard: list[int], boundary: int | None) -> tuple[int, int]:
    sequences = [
        list(words)
        for count in range(1, len(heard) + 1)
        for words in itertools.product(sorted(COUNTS), repeat=count)
    ]
    closing = () if boundary is None else (boundary,)
    nothing = (edits((), (*heard, *closing)), 0)
    return min([nothing, *(cost(words, heard, boundary) for words in sequences)])


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_agrees_with_all_sequences_of_words(boundary: int | None, count: int) -> None:
    """Every input of so many tokens, against Levenshtein's distance to every sequence of words."""
    segmenter = segmenter_of(SPELLED, COUNTS, boundary)
    tokens = [1, 2, 3] if boundary is None else [1, 2, 3, boundary]
    if count == 4:
        inputs = [(1, 1, 1, 1), (2, 1, 1, 2), (3, 3, 1, 2), (1, 2, 2, 3), (2, 2, 2, 1), (3, 2, 1, 1)]
    else:
        inputs = list(itertools.product(tokens, repeat=count))
    for each in inputs:
        heard = list(each)
        spare = boundary is not None and (
            boundary in (heard[0], heard[-1]) or (boundary, boundary) in itertools.pairwise(heard)
        )
        if spare:
            continue  # they are taken away first
        words = [segment.word for segment in segmenter(heard)]
        closing = () if boundary is None else (boundary,)
        found = cost(words, heard, boundary) if words else (edits((), (*heard, *closing)), 0)
        assert found == best_cost(heard, boundary), (heard, words)


def test_equally_many_edits_go_to_frequent_words_then_to_the_alphabet() -> None:
    spelled = [("x", (5, 1, 2)), ("y", (5, 1, 3)), ("z", (5, 1, 4))]
    assert segmenter_of(spelled, {"x": 1, "y": 3, "z": 2}, None)([5, 1]) == (Segment("y", 0, 2),)
    assert segmenter_of(spelled, {"x": 1, "y": 1, "z": 1}, None)([5, 1]) == (Segment("x", 0, 2),)
    assert segmenter_of(spelled[::-1], {"x": 1, "y": 1, "z": 1}, None)([5, 1]) == (Segment("x", 0, 2),)


def test_a_boundary_is_missed_rather_than_a_phone_put_in() -> None:
    segmenter = Segmenter(
        [("five", (1, 2, 3)), ("oh", (4,))],
        {"five": 99, "oh": 1},
        Beside({"five": 99, "oh": 1}, {}),
        BOUNDARY,
    )
    assert segmenter([1, 2, 3, 4]) == (Segment("five", 0, 3), Segment("oh", 3, 4))
    assert segmenter([1, 2, BOUNDARY, 3]) == (Segment("five", 0, 4),)


def test_a_frequent_word_is_not_worth_an_edit() -> None:
    spelled = [("rare", (1, 2)), ("often", (1, 3))]
    segmenter = Segmenter(
        spelled, {"rare": 1, "often": 1_000_000}, Beside({"rare": 1, "often": 1_000_000}, {}), None
    )
    assert segmenter([1, 2]) == (Segment("rare", 0, 2),)


def test_tokens_that_belong_to_no_word() -> None:
    segmenter = segmenter_of([("long", (1, 2, 3, 1, 2, 3))], {"long": 1}, None)
    assert segmenter([2]) == ()  # one edit to leave it out, five to make the word of it
    assert segmenter([1, 2, 3, 1, 2, 3, 2]) == (Segment("long", 0, 6),)
    assert segmenter([2, 1, 2, 3, 1, 2, 3]) == (Segment("long", 1, 7),)
    assert segmenter([]) == ()
    assert segmenter_of([("a", (1,))], {"a": 1}, 9)([9, 9]) == ()


def test_a_long_recording() -> None:
    """Two thousand words, with one phone wrong."""
    segmenter = segmenter_of(SPELLED, COUNTS, BOUNDARY)
    heard = [3, 1, 2, BOUNDARY, 2, BOUNDARY] * 1_000
    heard[3_001] = 3
    found = segmenter(heard)
    assert len(found) == 2_000
    assert found[0] == Segment("cab", 0, 3)
    assert found[-1] == Segment("b", 5_998, 5_999)


@given(st.lists(st.integers(1, 3), max_size=12), st.lists(st.integers(1, 3), max_size=12))
def test_words_between_boundaries_are_found_as_they_are(first: list[int], second: list[int]) -> None:
    """The short way for exact words gives what the search over edits gives."""
    segmenter = segmenter_of(SPELLED, COUNTS, BOUNDARY)
    heard = [token for word in (*first, *second) for token in (*SPELLED[word][1], BOUNDARY)][:-1]
    if heard:
        assert segmenter._exactly(heard)
        quick = [(segmenter._words[word], first) for word, first, _ in segmenter._exactly(heard)]
        slow = [(segmenter._words[word], first) for word, first, _ in segmenter._nearest(heard)]
        assert quick == slow


def test_counts_by_hand() -> None:
    words, pairs = words_and_pairs(["to go", "go to", "", "two"])
    assert words == {"to": 2, "go": 2, "two": 1}
    assert pairs == {
        "": {"to": 1, "go": 1, "two": 1},
        "to": {"go": 1, "": 1},
        "go": {"": 1, "to": 1},
        "two": {"": 1},
    }
    alike = homophones([("to", (1,)), ("two", (1,)), ("go", (2,)), ("to", (1,)), ("to", (3,))])
    assert alike == {(1,): ["to", "two"]}
    assert only_beside(pairs, ["two"]) == {"": {"two": 1}, "two": {"": 1}}


def test_the_word_beside_decides() -> None:
    counts, pairs = words_and_pairs(["a o b", "c o d", "o o o", "one oh two", "oh one", "two oh"])
    beside = Beside(counts, pairs)
    both = ["o", "oh"]
    assert beside.choose([["a"], both, ["b"]]) == ["a", "o", "b"]
    assert beside.choose([["one"], both, ["two"]]) == ["one", "oh", "two"]
    assert beside.choose([both, ["one"]]) == ["oh", "one"]
    assert beside.choose([["x"], both, ["x"]]) == ["x", "o", "x"]  # 5 o, 3 oh
    assert beside.choose([]) == []


def test_the_choice_by_hand() -> None:
    # P(o | one) = (0 + 1/4) / 2 and P(oh | one) = (1 + 1/4) / 2; before the end, P( | o) = P( | oh) = (0 + 1/4) / 2.
    beside = Beside({"one": 1, "oh": 1, "o": 1, "x": 1}, {"one": {"oh": 1}})
    assert beside._cost("one", "o") == round(-1000 * math.log(1 / 8))
    assert beside._cost("one", "oh") == round(-1000 * math.log(5 / 8))
    assert beside.choose([["one"], ["o", "oh"]]) == ["one", "oh"]
    assert beside.choose([["x"], ["o", "oh"]]) == ["x", "o"]  # equal: the one that is named first
    assert beside.choose([["x"], ["oh", "o"]]) == ["x", "oh"]


@given(st.lists(st.sampled_from([("o", "oh"), ("one",), ("two", "to")]), max_size=5))
def test_the_path_is_the_best_of_all(candidates: list[tuple[str, ...]]) -> None:
    counts, pairs = words_and_pairs(["one oh two", "o one", "to o", "two oh oh", "one two"])
    beside = Beside(counts, pairs)

    def total(words: tuple[str, ...]) -> int:
        return sum(beside._cost(a, b) for a, b in itertools.pairwise(["", *words, ""]))

    found = beside.choose(candidates)
    assert total(tuple(found)) == min(map(total, itertools.product(*candidates)))
