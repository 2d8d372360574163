"""Figures read out, against ways to say them that were written down by hand."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.benchmark.figures import check_reference, read_out, readings
from asr.errors import CorpusError
from asr.scoring import count_errors
from asr.text import normalise


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("0", ["zero", "oh", "o"]),
        ("7", ["seven"]),
        ("13", ["thirteen", "one three"]),
        ("20", ["twenty", "two zero", "two oh", "two o"]),
        ("05", ["zero five", "oh five", "o five"]),
        ("42", ["forty two", "four two"]),
        ("175", ["one hundred seventy five", "one hundred and seventy five", "one seventy five", "one seven five"]),
        ("1950", ["one thousand nine hundred fifty", "one thousand nine hundred and fifty", "nineteen fifty",
                  "one nine five zero", "one nine five oh", "one nine five o"]),
        ("1905", ["one thousand nine hundred five", "one thousand nine hundred and five", "nineteen oh five",
                  "one nine zero five", "one nine oh five", "one nine o five"]),
        ("1900", ["one thousand nine hundred", "nineteen hundred", "one nine zero zero", "one nine oh oh",
                  "one nine o o"]),
        ("2004", ["two thousand four", "two thousand and four", "twenty oh four", "two zero zero four",
                  "two oh oh four", "two o o four"]),
        ("1st", ["first"]),
        ("21st", ["twenty first", "two first"]),
        ("30th", ["thirtieth", "three zeroth", "three ohth", "three oth"]),
        ("12th", ["twelfth", "one second"]),
        ("1980s", ["one thousand nine hundred eighties", "one thousand nine hundred and eighties", "nineteen eighties",
                   "one nine eight zeros", "one nine eight ohs", "one nine eight os"]),
        ("1000000", ["one million", "one hundred hundred hundred", "one zero zero zero zero zero zero",
                     "one oh oh oh oh oh oh", "one o o o o o o"]),
    ],
)  # fmt: skip
def test_ways_to_say_a_figure(figure: str, said: list[str]) -> None:
    assert readings(figure) == said


def test_long_figures_are_read_digit_by_digit() -> None:
    assert readings("1234567890123")[0].startswith("one two three four")
    assert len(readings("1234567890123")) == 3


@pytest.mark.parametrize("word", ["three", "3.5", "a1", "1a", "½", "٣", "²", "1/2", "$5", ""])
def test_other_words_stay(word: str) -> None:
    assert readings(word) == [word]


@pytest.mark.parametrize(
    ("said", "written", "expected"),
    [
        ("one", "1", "one"),
        ("fifty six thirty two", "5632", "fifty six thirty two"),
        ("one five two one seven", "15217", "one five two one seven"),
        ("two six eight three eight zero two", "268 3802", "two six eight three eight zero two"),
        ("march third nineteen twenty eight", "march 3rd 1928", "march third nineteen twenty eight"),
        ("two fifteen sixty two", "2 1562", "two fifteen sixty two"),
        ("eight hundred and twenty three", "823", "eight hundred and twenty three"),
        ("oh", "0", "oh"),
        ("o", "0", "o"),
        ("seven", "7 7", "seven seven"),  # what was not said stays an error
        ("two", "1", "one"),
    ],
)
def test_the_way_nearest_to_what_was_said_counts(said: str, written: str, expected: str) -> None:
    assert read_out(said, written, "en-1") == expected


def test_a_single_figure_is_read_out() -> None:
    """Its only reading is another word than the figure itself."""
    assert read_out("", "7", "en-1") == "seven"


def test_as_written_changes_nothing() -> None:
    assert read_out("one", "1", "as-written") == "1"


words = st.lists(st.sampled_from(["one", "oh", "twenty", "five", "a", "hundred"]), max_size=6).map(" ".join)
figures = st.lists(st.one_of(st.integers(0, 99_999).map(str), st.just("a")), max_size=3).map(" ".join)


@given(words, figures)
def test_no_other_way_has_fewer_errors(reference: str, hypothesis: str) -> None:
    first = " ".join(readings(word)[0] for word in hypothesis.split())
    found = read_out(reference, hypothesis, "en-1")
    assert count_errors(reference, found).errors <= count_errors(reference, first).errors
    every = itertools.product(*map(readings, hypothesis.split()))
    assert count_errors(reference, found).errors == min(
        count_errors(reference, " ".join(way)).errors for way in itertools.islice(every, 2000)
    )
    assert read_out(reference, found, "en-1") == found
    assert normalise(found, "en-1") == found


def test_a_recogniser_that_goes_round_in_circles_is_soon_counted() -> None:
    begun = time.process_time()
    found = read_out("go one two three", " ".join(["1050"] * 1000), "en-1")
    assert time.process_time() - begun < 5
    assert len(found.split()) >= 2000


def test_a_reference_in_figures_is_refused_by_name() -> None:
    check_reference("room one", "en-1", "an4: utterance u1")
    check_reference("room 101", "as-written", "an4: utterance u1")
    with pytest.raises(CorpusError, match=r"an4: utterance u1: its text has the figure '101'.*as-written"):
        check_reference("room 101", "en-1", "an4: utterance u1")
