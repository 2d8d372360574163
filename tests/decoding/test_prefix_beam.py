"""Our own prefix beam search against all paths, and against values worked out by hand."""

import itertools
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from all_paths import EXACT, LETTERS, PHONES, PIECES, MadeUp, Task, acoustics, expected, matrices
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.hypothesis import SearchResult
from asr.decoding.lexicon import Lexicon
from asr.decoding.search import Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import Vocabulary

WORDS = Lexicon([("ab", [1, 2]), ("a", [1]), ("bb", [2, 2])])
HOMOPHONES = Lexicon([("air", [1]), ("heir", [1]), ("bab", [2, 1, 2]), ("ba", [2, 1]), ("aa", [1, 1])])
SPELLED_IN_PIECES = Lexicon([("ab", [1, 2]), ("bb", [3, 2]), ("b", [3])])


def found(matrix: np.ndarray, task: Task) -> SearchResult:
    return Search(task.settings, engine="plain", **task.parts())(matrix)  # type: ignore[arg-type]


def weighed(**changes: object) -> SearchSettings:
    return SearchSettings(**(EXACT | {"lm_weight": 0.7} | changes))  # type: ignore[arg-type]


TASKS = {
    "tokens": Task(weighed(), LETTERS),
    "tokens without words": Task(weighed(token_score=0.25), PHONES),
    "bonuses": Task(weighed(word_score=0.5, token_score=-0.3), LETTERS),
    "words": Task(weighed(word_score=0.5), LETTERS, model=MadeUp("a ab b")),
    "words and unknown ones": Task(weighed(unknown_score=-1.5), LETTERS, model=MadeUp("a ab b")),
    "known words alone": Task(weighed(unknown_score=-math.inf), LETTERS, model=MadeUp("a ab b")),
    "characters": Task(weighed(lm_unit="token", word_score=0.5), LETTERS, model=MadeUp("a b ▁")),
    "phones": Task(weighed(lm_unit="token", token_score=0.4), PHONES, model=MadeUp("AA B")),
    "subwords": Task(weighed(word_score=-0.5), PIECES, model=MadeUp("a ab bb")),
    "lexicon": Task(weighed(word_score=-0.5), LETTERS, WORDS),
    "lexicon and model": Task(weighed(word_score=-0.5), LETTERS, WORDS, MadeUp("ab bb")),
    "lexicon and characters": Task(weighed(lm_unit="token"), LETTERS, WORDS, MadeUp("a b ▁")),
    "open lexicon": Task(weighed(unknown_score=-1.0, word_score=0.2), LETTERS, WORDS),
    "open lexicon and model": Task(weighed(unknown_score=-1.0), LETTERS, WORDS, MadeUp("ab bb b")),
    "homophones": Task(weighed(word_score=0.3), PHONES, HOMOPHONES, MadeUp("air bab")),
    "lexicon of subwords": Task(weighed(), PIECES, SPELLED_IN_PIECES, MadeUp("ab")),
    "open lexicon of subwords": Task(weighed(unknown_score=-2.0), PIECES, SPELLED_IN_PIECES, MadeUp("ab")),
}


@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_all_paths(name: str, data: st.DataObject) -> None:
    """Every reading, its score and its parts, best first."""
    task = TASKS[name]
    matrix = data.draw(matrices(task.vocabulary.size, 5 if task.vocabulary.size > 3 else 6))
    result = found(matrix, task)
    truth = expected(matrix, task)
    got = {(one.tokens, one.words): (one.score, one.acoustic, one.language) for one in result.hypotheses}
    assert got == {reading: pytest.approx(scores, rel=0, abs=1e-9) for reading, scores in truth.items()}
    scores = [one.score for one in result.hypotheses]
    assert all(better >= worse - 2e-9 for better, worse in itertools.pairwise(scores))
    for one in result.hypotheses:
        assert one.score == pytest.approx(one.acoustic + 0.7 * one.language + one.bonus)
        assert one.text == (" ".join(one.words) if one.words else task.vocabulary.text(one.tokens))


@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_narrow_beam_loses_alignments_and_never_gains(name: str, data: st.DataObject) -> None:
    task = TASKS[name]
    matrix = data.draw(matrices(task.vocabulary.size, 4))
    narrow = replace(
        task.settings,
        beam=data.draw(st.integers(1, 6)),
        beam_threshold=data.draw(st.sampled_from([0.5, 3.0, math.inf])),
        tokens_per_frame=data.draw(st.sampled_from([None, 1, 2])),
        token_threshold=data.draw(st.sampled_from([-1.0, -math.inf])),
    )
    truth = expected(matrix, task)
    result = found(matrix, replace(task, settings=narrow))
    assert len(result.hypotheses) <= 2 * narrow.beam
    for one in result.hypotheses:
        score, acoustic, language = truth[one.tokens, one.words]
        assert one.score <= score + 1e-9
        assert one.acoustic <= acoustic + 1e-9
        assert one.language == pytest.approx(language)


def log_probs(rows: Sequence[Sequence[float]]) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.array(rows))


def test_by_hand() -> None:
    """Two frames of blank 0.6 and a 0.4: the best path is empty, with 0.36, but "a" has three paths, 0.64."""
    result = found(log_probs([[0.6, 0.4]] * 2), Task(SearchSettings(n_best=9), Vocabulary(("", "a"))))
    assert [(one.text, round(math.exp(one.acoustic), 9)) for one in result.hypotheses] == [
        ("a", 0.64),
        ("", 0.36),
    ]


def test_a_repeat_needs_a_blank_by_hand() -> None:
    """Three frames of 1/2: "aa" is a path of one, a-a; "a" of 6 and the empty text of one, of 8."""
    result = found(log_probs([[0.5, 0.5]] * 3), Task(SearchSettings(n_best=9), Vocabulary(("", "a"))))
    assert [(one.tokens, round(8 * math.exp(one.acoustic), 9)) for one in result.hypotheses] == [
        ((1,), 6.0),
        ((), 1.0),
        ((1, 1), 1.0),
    ]


def test_spaces_are_between_words_only() -> None:
    """The path "_a__b_" with spaces for _ is the one path, and reads as "a b"."""
    rows = np.zeros((6, 4))
    for frame, token in enumerate([3, 1, 3, 3, 2, 3]):
        rows[frame, token] = 1.0
    (one,) = found(log_probs(rows), Task(SearchSettings(n_best=9), LETTERS)).hypotheses
    assert (one.tokens, one.text, one.score, one.frames) == ((1, 3, 2), "a b", 0.0, (1, 2, 4))


class TwoWords:
    """P(to) = 0.9, P(too) = 0.05, P(<unk>) = 0.01; a sentence always ends."""

    def start(self) -> str:
        return ""

    def score(self, state: object, word: str) -> tuple[float, str]:
        return math.log({"to": 0.9, "too": 0.05}.get(word, 0.01)), ""

    def finish(self, state: object) -> float:
        return 0.0

    def __contains__(self, word: str) -> bool:
        return word in ("to", "too")


def test_a_model_changes_the_winner_by_hand() -> None:
    """t, o, then blank 0.4 or o 0.6 after a certain blank: "too" is heard with 0.6, "to" with 0.4."""
    vocabulary = Vocabulary(("", "t", "o", " "))
    matrix = log_probs([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0.4, 0, 0.6, 0]])
    plain = found(matrix, Task(SearchSettings(n_best=9), vocabulary))
    assert [one.text for one in plain.hypotheses] == ["too", "to"]
    fused = found(
        matrix, Task(SearchSettings(n_best=9, lm_weight=1.0, word_score=0.1), vocabulary, model=TwoWords())
    )
    assert [one.text for one in fused.hypotheses] == ["to", "too"]
    best = fused.hypotheses[0]
    assert best.acoustic == pytest.approx(math.log(0.4))
    assert best.language == pytest.approx(math.log(0.9))
    assert best.score == pytest.approx(math.log(0.4 * 0.9) + 0.1)


def test_only_known_words_and_the_way_out_by_hand() -> None:
    """ "oo" is heard with 0.9 and no word; "to" with 0.1."""
    vocabulary = Vocabulary(("", "t", "o", " "))
    matrix = log_probs([[0, 0.1, 0.9, 0], [1, 0, 0, 0], [0, 0, 1, 0]])
    lexicon = Lexicon([("to", [1, 2])])
    closed = found(matrix, Task(SearchSettings(n_best=9), vocabulary, lexicon))
    assert [(one.text, one.score) for one in closed.hypotheses] == [("to", pytest.approx(math.log(0.1)))]
    dear = found(matrix, Task(SearchSettings(n_best=9, unknown_score=-3.0), vocabulary, lexicon))
    assert [one.text for one in dear.hypotheses] == ["to", "oo"]  # 0.9 / e^3 < 0.1
    cheap = found(matrix, Task(SearchSettings(n_best=9, unknown_score=-2.0), vocabulary, lexicon))
    assert [one.text for one in cheap.hypotheses] == ["oo", "to"]  # 0.9 / e^2 > 0.1


def test_no_frames_one_frame_and_silence() -> None:
    task = Task(SearchSettings(n_best=9), LETTERS)
    assert [(one.tokens, one.score) for one in found(np.zeros((0, 4)), task).hypotheses] == [((), 0.0)]
    silence = found(log_probs([[1, 0, 0, 0]] * 20), task)
    assert [(one.tokens, one.text, one.score) for one in silence.hypotheses] == [((), "", 0.0)]
    one_frame = found(log_probs([[0.1, 0.6, 0.1, 0.2]]), task)
    assert [(one.text, round(math.exp(one.score), 9)) for one in one_frame.hypotheses] == [
        ("a", 0.6),
        ("", 0.3),  # a blank or a space
        ("b", 0.1),
    ]


def test_the_end_of_the_sentence_counts_for_silence_too() -> None:
    model = MadeUp("a")
    (one,) = found(np.zeros((0, 4)), Task(SearchSettings(lm_weight=0.5), LETTERS, model=model)).hypotheses
    assert one.language == model.finish(model.start()) != 0.0
    assert one.score == 0.5 * one.language


@settings(max_examples=25, deadline=None)
@given(matrices(4, 5), st.permutations([1, 2, 3]), st.integers(1, 20))
def test_the_order_of_tokens_means_nothing(matrix: np.ndarray, order: list[int], beam: int) -> None:
    """With other numbers for the tokens the readings are the same ones, bit for bit, where no scores are equal."""
    task = Task(SearchSettings(n_best=99, beam=beam), Vocabulary(("", "a", "b", "c")))
    noise = np.random.default_rng(0).uniform(0.0, 0.1, size=matrix.shape)
    before = matrix - noise
    after = before.copy()
    after[:, order] = before[:, 1:]
    renamed = {
        tuple(order[token - 1] for token in one.tokens): one.score for one in found(before, task).hypotheses
    }
    assert {one.tokens: one.score for one in found(after, task).hypotheses} == renamed


@pytest.mark.parametrize("beam", [1, 2, 3, 5, 8])
def test_of_equals_the_lower_tokens_stay(beam: int) -> None:
    """Four frames in which all is equally probable: each number of different paths is shared by many readings."""
    matrix = np.full((4, 4), -math.log(4))
    task = Task(SearchSettings(**(EXACT | {"n_best": beam})), PHONES_OF_THREE)  # type: ignore[arg-type]
    full = acoustics(matrix, None)
    order = sorted(full, key=lambda tokens: (-round(full[tokens] * 2**30), tokens))
    assert [one.tokens for one in found(matrix, task).hypotheses] == order[:beam]
    # After one frame (), (1,), (2,), (3,) are equal.
    once = found(matrix[:1], replace(task, settings=SearchSettings(n_best=beam, beam=beam)))
    assert [one.tokens for one in once.hypotheses] == [(), (1,), (2,), (3,)][:beam]
    twice = found(matrix, replace(task, settings=SearchSettings(n_best=beam, beam=beam)))
    assert twice == found(matrix, replace(task, settings=SearchSettings(n_best=beam, beam=beam)))


PHONES_OF_THREE = Vocabulary(("", "A", "B", "C"))


def test_rounding_decides_no_tie() -> None:
    """Two readings equally probable but for the last bit: the lower one wins, whichever has the bit."""
    for bits in (0.0, 2.0**-50), (2.0**-50, 0.0):
        rows = np.log([[0.2, 0.4, 0.4]]) - np.array([[0.0, *bits]])
        result = found(rows, Task(SearchSettings(n_best=1), PHONES))
        assert result.hypotheses[0].tokens == (1,)
        assert found(rows, Task(SearchSettings(n_best=1, beam=1), PHONES)).hypotheses[0].tokens == (1,)


def test_frames_of_tokens() -> None:
    best = [0, 1, 1, 0, 2, 0, 3, 1]
    rows = np.full((8, 4), 0.05)
    rows[np.arange(8), best] = 0.85
    (one,) = found(log_probs(rows), Task(SearchSettings(), LETTERS)).hypotheses
    assert (one.tokens, one.frames) == ((1, 2, 3, 1), (1, 4, 6, 7))


def test_a_prefix_that_comes_back_joins_its_children() -> None:
    """With a beam of 2 "a" drops out after "ab" arose, and is found again: "ab" must not be in the list twice."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        matrix = np.log(rng.dirichlet(np.full(3, 0.4), size=12))
        for beam in (2, 3, 4):
            result = found(matrix, Task(SearchSettings(n_best=99, beam=beam), PHONES))
            assert len({one.tokens for one in result.hypotheses}) == len(result.hypotheses)
            assert all(one.acoustic <= 1e-9 for one in result.hypotheses)


def test_the_same_in_every_process() -> None:
    """Neither hashes of words nor addresses decide, in a search full of equal scores."""
    code = (
        "import numpy as np\n"
        "from asr.decoding.lexicon import Lexicon\n"
        "from asr.decoding.search import search\n"
        "from asr.decoding.settings import SearchSettings\n"
        "from asr.decoding.vocabulary import Vocabulary\n"
        "lexicon = Lexicon((a + b, [1 + 'abc'.index(a), 1 + 'abc'.index(b)]) for a in 'abc' for b in 'abc')\n"
        "settings = SearchSettings(beam=7, n_best=7, unknown_score=0.0)\n"
        "matrix = np.full((6, 5), -np.log(5))\n"
        "print(search(matrix, settings, lexicon=lexicon, vocabulary=Vocabulary(('', *'abc ')), engine='plain'))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True, timeout=120,
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(printed) == 1
    assert "acoustic" in printed.pop()
