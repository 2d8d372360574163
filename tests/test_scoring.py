import functools
import json
import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.scoring import ErrorCounts, count_character_errors, count_errors, in_units, score
from asr.text import normalise

words = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=7)
pair_lists = st.lists(st.tuples(words.map(" ".join), words.map(" ".join)), min_size=1, max_size=6)


def least_errors(reference: str | list[str], hypothesis: str | list[str]) -> int:
    """Edit distance straight from its definition."""

    @functools.cache
    def distance(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        replaced = distance(i - 1, j - 1) + (reference[i - 1] != hypothesis[j - 1])
        return min(replaced, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(reference), len(hypothesis))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("one two three", "one two three", ErrorCounts(hits=3)),
        ("one two three", "one too three", ErrorCounts(hits=2, substitutions=1)),
        ("one two three", "one three", ErrorCounts(hits=2, deletions=1)),
        ("one two three", "one two and three", ErrorCounts(hits=3, insertions=1)),
        ("one two three", "", ErrorCounts(deletions=3)),
        ("", "a b", ErrorCounts(insertions=2)),
        ("", "", ErrorCounts()),
        ("One", "one", ErrorCounts(substitutions=1)),  # nothing is normalised here
        (" one \t two\n", "one two", ErrorCounts(hits=2)),
    ],
)
def test_word_errors_by_hand(reference: str, hypothesis: str, expected: ErrorCounts) -> None:
    assert count_errors(reference, hypothesis) == expected


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("abc", "abc", ErrorCounts(hits=3)),
        ("kitten", "sitting", ErrorCounts(hits=4, substitutions=2, insertions=1)),
        ("a b", "ab", ErrorCounts(hits=2, deletions=1)),  # the space is a character
        (" a   b ", "a b", ErrorCounts(hits=3)),  # several are one, those at the ends none
        ("", "ab", ErrorCounts(insertions=2)),
    ],
)
def test_character_errors_by_hand(reference: str, hypothesis: str, expected: ErrorCounts) -> None:
    assert count_character_errors(reference, hypothesis) == expected


@given(words, words)
def test_word_errors_are_the_least_possible(reference: list[str], hypothesis: list[str]) -> None:
    counts = count_errors(" ".join(reference), " ".join(hypothesis))
    assert counts.errors == least_errors(reference, hypothesis)
    assert counts.reference_length == len(reference)
    assert len(hypothesis) == len(reference) - counts.deletions + counts.insertions
    assert min(counts.hits, counts.substitutions, counts.deletions, counts.insertions) >= 0


@given(st.text(alphabet="ab c", max_size=8), st.text(alphabet="ab c", max_size=8))
def test_character_errors_are_the_least_possible(reference: str, hypothesis: str) -> None:
    counts = count_character_errors(reference, hypothesis)
    plain_reference, plain_hypothesis = " ".join(reference.split()), " ".join(hypothesis.split())
    assert counts.errors == least_errors(plain_reference, plain_hypothesis)
    assert counts.reference_length == len(plain_reference)
    assert len(plain_hypothesis) == len(plain_reference) - counts.deletions + counts.insertions


def test_rates() -> None:
    assert ErrorCounts(hits=2, substitutions=1, deletions=1, insertions=1).rate == 3 / 4
    assert ErrorCounts(hits=1, insertions=5).rate == 5.0
    assert ErrorCounts().rate == 0.0
    assert ErrorCounts(insertions=1).rate == math.inf


def test_counts_are_added_and_rates_not_averaged() -> None:
    # 1 of 1 and 0 of 9: the mean of the rates would be 50 %, the rate is 10 %.
    result = score([("a", "b"), ("a b c d e f g h i", "a b c d e f g h i")])
    assert result.wer == 1 / 10
    assert result.ser == 1 / 2


def test_score_by_hand() -> None:
    result = score([("one two", "one too"), ("yes", "yes"), ("", "no"), ("go on", "go")])
    assert result.words == ErrorCounts(hits=3, substitutions=1, deletions=1, insertions=1)
    # "two" against "too" is one character, "no" is two too many, " on" three too few.
    assert result.characters == ErrorCounts(hits=11, substitutions=1, deletions=3, insertions=2)
    assert (result.sentences, result.wrong_sentences) == (4, 3)
    assert (result.wer, result.cer, result.ser) == (3 / 5, 6 / 15, 3 / 4)


def test_json_by_hand() -> None:
    tree = score([("one two", "one too")]).to_json()
    assert json.loads(json.dumps(tree, allow_nan=False)) == {
        "wer": 0.5,
        "wer_interval_95": [0.5, 0.5],
        "cer": 1 / 7,
        "ser": 1.0,
        "words": {"hits": 1, "substitutions": 1, "deletions": 0, "insertions": 0, "reference_length": 2},
        "characters": {"hits": 6, "substitutions": 1, "deletions": 0, "insertions": 0, "reference_length": 7},
        "sentences": 1,
        "wrong_sentences": 1,
    }


@given(pair_lists)
def test_a_score_is_the_sum_of_its_utterances(pairs: list[tuple[str, str]]) -> None:
    if not any(reference for reference, _ in pairs):
        pairs = [*pairs, ("a", "a")]
    result = score(pairs, bootstrap=20)
    assert result.words == sum((count_errors(*pair) for pair in pairs), ErrorCounts())
    assert result.characters == sum((count_character_errors(*pair) for pair in pairs), ErrorCounts())
    assert result.wrong_sentences == sum(reference != hypothesis for reference, hypothesis in pairs)
    assert 0 <= result.interval[0] <= result.interval[1] < math.inf
    json.dumps(result.to_json(), allow_nan=False)


def binomial_point(probability: float, trials: int, share: float) -> int:
    """The smallest number of successes that a share of all outcomes does not exceed."""
    below, number = 0.0, -1
    while below < probability:
        number += 1
        below += math.comb(trials, number) * share**number * (1 - share) ** (trials - number)
    return number


def test_interval_against_the_binomial_distribution() -> None:
    """200 utterances of one word, 30 of them wrong: the resampled errors are binomial."""
    pairs = [("a", "b")] * 30 + [("a", "a")] * 170
    low, high = score(pairs, bootstrap=20_000).interval
    assert low * 200 == pytest.approx(binomial_point(0.025, 200, 0.15), abs=1)
    assert high * 200 == pytest.approx(binomial_point(0.975, 200, 0.15), abs=1)


def test_interval_of_two_utterances() -> None:
    # The rates 0, 1/2 and 1 come with probabilities 1/4, 1/2 and 1/4.
    assert score([("a", "b"), ("a", "a")]).interval == (0.0, 1.0)


def test_interval_weighs_utterances_by_their_length() -> None:
    # Half of the utterances are wrong, but they are short: the rate is 10 %, the mean of the rates 50 %.
    long = "a b c d e f g h i"
    low, high = score([(long, long), ("a", "b")] * 40).interval
    assert 0.05 < low < 0.1 < high < 0.2


def test_interval_is_reproducible_and_keyed_by_the_seed() -> None:
    pairs = [("a b c", "a b d"), ("a b", "a b"), ("c d e f", "c f"), ("a", "a"), ("g h", "g h i")] * 4
    assert score(pairs, bootstrap=500).interval == score(pairs, bootstrap=500).interval
    assert len({score(pairs, bootstrap=50, seed=seed).interval for seed in range(8)}) > 1


def test_interval_does_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [("a b c", "a b d"), ("a b", "a b"), ("c d e f", "c f")]
    whole = score(pairs, bootstrap=101).interval
    monkeypatch.setattr("asr.scoring._DRAWS", 7)
    assert score(pairs, bootstrap=101).interval == whole


def test_resamples_without_a_reference_word_are_left_out() -> None:
    low, high = score([("", "x"), ("a", "a")], bootstrap=1000).interval
    assert (low, high) == (0.0, 1.0)  # never (0 + 2) / 0


@pytest.mark.parametrize("pairs", [[], [("", "a b"), (" ", "")]])
def test_nothing_to_score_against(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match=f"{len(pairs)} utterances without any reference word"):
        score(pairs)


def test_no_resamples() -> None:
    with pytest.raises(ValueError, match="bootstrap must be 1 resample or more, got 0"):
        score([("a", "a")], bootstrap=0)


# Units of scoring. Letters with marks are named by what they are made of, as editors show them alike.
KE, I_SIGN, VIRAMA, KA, SSA = "\u0915\u0947", "\u093f", "\u094d", "\u0915", "\u0937"


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("今天 天气很好", ["今", "天", "天", "气", "很", "好"]),
        ("", []),
        ("  T恤 ", ["T", "恤"]),
        ("e\u0301te\u0301", ["e\u0301", "t", "e\u0301"]),
        ("مَرْحَبًا", ["مَ", "رْ", "حَ", "بً", "ا"]),
        (KE + " " + KA + I_SIGN, [KE, KA + I_SIGN]),
        (KA + VIRAMA + "\u200d" + SSA, [KA + VIRAMA + "\u200d" + SSA]),
        ("\u0301a", ["\u0301", "a"]),  # a mark without a letter is one by itself
    ],
)
def test_units_are_characters(text: str, units: list[str]) -> None:
    assert in_units(text, "character").split() == units
    assert in_units(text, "word") == text


def test_chinese_by_character() -> None:
    """6 characters, one another, one more, however the words are parted: 2 errors in 6."""
    found = score([("今天 天气 很好", "今天天汽很好啊")], bootstrap=10, unit="character")
    assert (found.words.substitutions, found.words.insertions, found.words.deletions) == (1, 1, 0)
    assert found.wer == pytest.approx(2 / 6)
    assert found.to_json()["unit"] == "character"
    assert score([("今天天气", "今天天汽")], bootstrap=10).wer == 1.0  # one word, and it is wrong
    assert "unit" not in score([("a", "a")], bootstrap=10).to_json()


@given(st.text(), st.text())
def test_a_unit_is_never_lost(reference: str, hypothesis: str) -> None:
    assert "".join(in_units(reference, "character").split()) == "".join(reference.split())
    counts = count_errors(reference, hypothesis, "character")
    assert counts.reference_length == len(in_units(reference, "character").split())


def test_marks_survive_the_normaliser_and_words_stay_words() -> None:
    for text, words in (("नमस्ते दुनिया", 2), ("مَرْحَبًا بِالعالَم", 2), ("שָׁלוֹם", 1)):
        assert count_errors(normalise(text), normalise(text)).hits == words
        marks = [letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.combining(letter)]
        assert [letter for letter in normalise(text) if unicodedata.combining(letter)] == marks
