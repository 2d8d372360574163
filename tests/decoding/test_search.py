"""The entrance of the search: what is refused, which engine computes, and what else belongs to no engine."""

import importlib.util
import math

import numpy as np
import pytest
import torch
from all_paths import LETTERS, PHONES, PIECES, MadeUp, acoustics

from asr.decoding.emissions import considered
from asr.decoding.lexicon import Lexicon
from asr.decoding.search import Search, search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import Vocabulary

each_engine = pytest.mark.parametrize("engine", ["plain", "flashlight"])
HALVES = np.log(np.full((3, 4), 0.25))


@each_engine
def test_wrong_shapes_say_what_was_expected(engine: str) -> None:
    for shape in [(4,), (2, 3, 4), (), (3, 5), (3, 0)]:
        with pytest.raises(ValueError, match=r"expected log_probs of shape \(frames, 4\), got shape \("):
            search(np.full(shape, -2.0), vocabulary=LETTERS, engine=engine)  # type: ignore[arg-type]


@each_engine
def test_what_is_no_log_prob(engine: str) -> None:
    wrong = HALVES.copy()
    wrong[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"log_probs of shape \(3, 4\) has NaN, first in frame 2"):
        search(wrong, vocabulary=LETTERS, engine=engine)  # type: ignore[arg-type]
    for value in (0.5, np.inf, 40.0):
        wrong[2, 1] = value
        with pytest.raises(ValueError, match="frame 2 add up to more than 1 .*are these logits"):
            search(wrong, vocabulary=LETTERS, engine=engine)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="frame 0 add up to more than 1"):
        search(np.zeros((3, 4)), vocabulary=LETTERS, engine=engine)  # type: ignore[arg-type]


def test_rounding_above_zero_is_no_mistake() -> None:
    assert search(np.array([[1e-6, -20.0, -20.0, -20.0]]), vocabulary=LETTERS).text == ""


@each_engine
def test_lists_tensors_and_any_float(engine: str) -> None:
    rows = [[0.1, 0.7, 0.1, 0.1], [0.6, 0.1, 0.2, 0.1]]
    matrix = np.log(np.array(rows))
    kept = matrix.copy()
    for given_as in (matrix.tolist(), torch.from_numpy(matrix), np.asfortranarray(matrix), matrix[:, :]):
        assert search(given_as, vocabulary=LETTERS, engine=engine).text == "a"  # type: ignore[arg-type]
    assert search(matrix.astype(np.float32), vocabulary=LETTERS, engine=engine).text == "a"  # type: ignore[arg-type]
    assert np.array_equal(matrix, kept)


@each_engine
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_nothing_that_is_allowed_was_heard(engine: str, frames: int) -> None:
    """A lexicon of "a", and a certain "b" in the first frame: nothing is left, however long it goes on."""
    with np.errstate(divide="ignore"):
        matrix = np.log(np.eye(4)[[2, 1, 0, 1, 3][:frames]])
    result = search(matrix, vocabulary=LETTERS, lexicon=Lexicon([("a", [1])]), engine=engine)  # type: ignore[arg-type]
    assert (result.hypotheses, result.best, result.text, result.engine) == ((), None, "", engine)


@each_engine
def test_other_utterances_change_nothing(engine: str) -> None:
    rng = np.random.default_rng(0)
    utterances = [np.log(rng.dirichlet(np.full(4, 0.3), size=frames)) for frames in (20, 0, 7, 31)]
    made = Search(SearchSettings(n_best=4), vocabulary=LETTERS, model=None, engine=engine)  # type: ignore[arg-type]
    alone = [
        Search(SearchSettings(n_best=4), vocabulary=LETTERS, engine=engine)(matrix)  # type: ignore[arg-type]
        for matrix in utterances
    ]
    assert [made(matrix) for matrix in utterances] == alone
    assert [made(matrix) for matrix in reversed(utterances)] == alone[::-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam": 0}, "beam must be 1 or more, got 0"),
        ({"n_best": 0}, "n_best must be 1 or more"),
        ({"tokens_per_frame": 0}, "tokens_per_frame must be 1 or more"),
        ({"lm_weight": -0.1}, "lm_weight must be 0 or more, got -0.1"),
        ({"lm_weight": math.nan}, "lm_weight must be finite"),
        ({"word_score": math.inf}, "word_score must be finite"),
        ({"unknown_score": math.nan}, "unknown_score must be a number or -inf"),
        ({"unknown_score": math.inf}, "unknown_score must be a number or -inf"),
        ({"beam_threshold": -1.0}, "beam_threshold must be 0 or more"),
        ({"beam_threshold": math.nan}, "beam_threshold must be 0 or more"),
        ({"token_threshold": 0.5}, "token_threshold is a log-prob, 0 or less"),
        ({"lm_unit": "phone"}, 'lm_unit must be "word" or "token", got \'phone\''),
    ],
)
def test_impossible_settings(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchSettings(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "parts", "message"),
    [
        ({}, {"vocabulary": PHONES, "model": MadeUp("a")}, "a language model over words needs words"),
        ({"word_score": 1.0}, {"vocabulary": PHONES}, "word_score needs words"),
        (
            {"unknown_score": -5.0},
            {"vocabulary": PHONES, "lexicon": Lexicon([("a", [1])])},
            "nothing tells where an unknown word ends",
        ),
        ({}, {"vocabulary": LETTERS, "lexicon": Lexicon([("at", [1, 20])])}, "but the tokens are 1 to 3"),
        ({}, {"vocabulary": LETTERS, "lexicon": Lexicon([("a-b", [1, 3, 2])])}, r"'a-b' \[1, 3, 2\], in which"),
        ({}, {"vocabulary": PIECES, "lexicon": Lexicon([("ab", [1, 3])])}, "in which another word begins"),
        ({}, {"vocabulary": LETTERS, "lexicon": Lexicon([("a", [3, 3])])}, "the word 'a' has no tokens"),
        ({}, {"vocabulary": LETTERS, "engine": "fast"}, 'engine must be "auto", "plain" or "flashlight", got \'fast\''),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit(chosen: dict[str, object], parts: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Search(SearchSettings(**chosen), **parts)  # type: ignore[arg-type]


def test_separators_around_a_spelling_do_not_matter() -> None:
    matrix = np.log(np.array([[0.1, 0.8, 0.05, 0.05], [0.1, 0.05, 0.05, 0.8], [0.1, 0.05, 0.8, 0.05]]))
    bare, around = (
        search(matrix, vocabulary=LETTERS, lexicon=Lexicon(spellings), engine="plain")
        for spellings in ([("a", [1]), ("b", [2])], [("a", [1, 3]), ("b", [3, 2, 3])])
    )
    assert bare == around
    assert bare.text == "a b"


def test_without_flashlight_text_ours_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "flashlight" else find(name)
    )
    made = Search(vocabulary=LETTERS)
    assert (made.engine, made.reason) == ("plain", "flashlight-text is not installed")
    assert made(HALVES).engine == "plain"


def test_considered_tokens_by_hand() -> None:
    matrix = np.log(np.array([[0.1, 0.2, 0.3, 0.4], [0.97, 0.01, 0.01, 0.01], [0.001, 0.499, 0.4, 0.1]]))

    def kept(**changes: object) -> list[list[int]]:
        settings = SearchSettings(**changes)  # type: ignore[arg-type]
        return [np.flatnonzero(row > -np.inf).tolist() for row in considered(matrix, settings)]

    assert kept() == [[0, 1, 2, 3]] * 3
    assert kept(tokens_per_frame=2) == [[0, 2, 3], [0, 1, 2], [0, 1, 2]]  # of equals the lower ones
    assert kept(tokens_per_frame=1) == [[0, 3], [0, 1], [0, 1]]
    assert kept(token_threshold=math.log(0.25)) == [[0, 2, 3], [0], [0, 1, 2]]
    assert kept(token_threshold=-0.1) == [[0, 3], [0], [0, 1]]  # the blank and the best one always
    assert kept(token_threshold=math.log(0.25), tokens_per_frame=1) == [[0, 3], [0], [0, 1]]


def test_a_hundred_tokens_have_frames() -> None:
    path = [token for _ in range(60) for token in (1, 0, 2)]
    matrix = np.log(np.eye(3)[path] * 0.97 + 0.01)
    best = search(matrix, vocabulary=Vocabulary(("", "a", "b"))).hypotheses[0]
    assert len(best.tokens) == 120
    assert best.frames == tuple(frame for frame, token in enumerate(path) if token)


@each_engine
def test_exact_scores_are_of_all_alignments(engine: str) -> None:
    """A narrow beam loses alignments; asked for exact scores, it finds them again. Both engines agree then."""
    matrix = np.log(np.random.default_rng(2).dirichlet(np.full(4, 0.5), size=7))
    truth = acoustics(matrix, 3)
    narrow = {"beam": 6, "n_best": 6, "token_threshold": -2.0, "lm_weight": 0.5}
    parts = {
        "vocabulary": LETTERS,
        "engine": engine,
        "lexicon": Lexicon([("a", [1]), ("ab", [1, 2]), ("b", [2])]),
    }
    loose = search(matrix, SearchSettings(**narrow), **parts).hypotheses  # type: ignore[arg-type]
    exact = search(matrix, SearchSettings(exact=True, **narrow), **parts).hypotheses  # type: ignore[arg-type]
    assert {one.tokens for one in exact} == {one.tokens for one in loose}
    assert [one.acoustic for one in exact] == pytest.approx(
        [truth[one.tokens] for one in exact], rel=0, abs=1e-9
    )
    assert any(one.acoustic < truth[one.tokens] - 1e-3 for one in loose)
    assert [one.score for one in exact] == sorted((one.score for one in exact), reverse=True)
    for one in exact:
        assert one.score == pytest.approx(one.acoustic + 0.5 * one.language + one.bonus)
