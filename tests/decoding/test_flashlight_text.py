"""flashlight-text behind our settings: the same readings and scores as all paths give, to the precision of float32."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from all_paths import EXACT, LETTERS, PHONES, PIECES, MadeUp, Task, expected, matrices
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.decoding.kenlm_model import KenlmModel
from asr.decoding.lexicon import Lexicon
from asr.decoding.search import Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import Vocabulary

WORDS = Lexicon([("ab", [1, 2]), ("a", [1]), ("bb", [2, 2]), ("b2", [2]), ("bee", [2])])
ARPA = """\\data\\
ngram 1=6
ngram 2=4

\\1-grams:
-1.0\t<unk>
0\t<s>\t-0.3
-0.8\t</s>
-0.6\tab\t-0.2
-0.7\tbee\t-0.1
-0.9\ta\t-0.4

\\2-grams:
-0.2\t<s> ab
-0.4\tab bee
-0.3\tbee </s>
-0.5\ta ab

\\end\\
"""


def weighed(**changes: object) -> SearchSettings:
    return SearchSettings(**(EXACT | {"lm_weight": 0.7} | changes))  # type: ignore[arg-type]


TASKS = {
    "tokens": Task(weighed(), LETTERS),
    "tokens without words": Task(weighed(), PHONES),
    "subwords": Task(weighed(), PIECES),
    "characters": Task(weighed(lm_unit="token"), LETTERS, model=MadeUp("a b ▁")),
    "lexicon": Task(weighed(word_score=-0.5), LETTERS, WORDS),
    "lexicon and model": Task(weighed(word_score=-0.5), LETTERS, WORDS, MadeUp("ab bee")),
}


@pytest.fixture(scope="module")
def arpa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "words.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return path


def agrees(task: Task, matrix: np.ndarray) -> None:
    result = Search(task.settings, engine="flashlight", **task.parts())(matrix)  # type: ignore[arg-type]
    truth = expected(matrix, task)
    got = {(one.tokens, one.words): (one.score, one.acoustic, one.language) for one in result.hypotheses}
    assert got == {reading: pytest.approx(scores, rel=0, abs=3e-5) for reading, scores in truth.items()}
    scores = [one.score for one in result.hypotheses]
    assert scores == sorted(scores, reverse=True) or max(np.diff(scores)) < 1e-8
    for one in result.hypotheses:
        assert one.text == (" ".join(one.words) or task.vocabulary.text(one.tokens))


@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_all_paths(name: str, data: st.DataObject) -> None:
    task = TASKS[name]
    agrees(task, data.draw(matrices(task.vocabulary.size, 5)))


@settings(max_examples=15, deadline=None)
@given(matrix=matrices(4, 5))
def test_all_paths_by_kenlms_own_scores(matrix: np.ndarray, arpa: Path) -> None:
    agrees(Task(weighed(word_score=0.4), LETTERS, WORDS, KenlmModel(arpa)), matrix)


@settings(max_examples=10, deadline=None)
@given(matrix=matrices(4, 4))
def test_all_paths_by_kenlms_own_scores_of_tokens(matrix: np.ndarray, arpa: Path) -> None:
    agrees(Task(weighed(lm_unit="token"), Vocabulary(("", "a", "ab", "bee")), None, KenlmModel(arpa)), matrix)


@settings(max_examples=20, deadline=None)
@given(matrices(4, 5), st.integers(1, 3), st.sampled_from([-1.0, -2.5]))
def test_tokens_are_pruned_as_ours_are(matrix: np.ndarray, most: int, least: float) -> None:
    task = TASKS["lexicon and model"]
    pruned = replace(task.settings, tokens_per_frame=most, token_threshold=least)
    both = [Search(pruned, engine=engine, **task.parts())(matrix) for engine in ("plain", "flashlight")]  # type: ignore
    ours, theirs = ({one.tokens: one.score for one in result.hypotheses} for result in both)
    assert theirs == {tokens: pytest.approx(score, abs=3e-5) for tokens, score in ours.items()}


def spoken(tokens: list[int], size: int, rng: np.random.Generator) -> np.ndarray:
    """Log-probs as a trained model gives them: a spike for each token, a rival beside it, blanks between."""
    scores = rng.normal(0.0, 1.0, size=(3 * len(tokens) + 2, size))
    scores[:, 0] += 9.0
    frames = 1 + 3 * np.arange(len(tokens))
    scores[frames, tokens] += rng.normal(12.0, 1.0, size=len(tokens))
    scores[frames, rng.integers(1, size, size=len(tokens))] += rng.normal(7.0, 1.0, size=len(tokens))
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def test_long_utterances_agree(arpa: Path) -> None:
    """400 frames, a beam of usual width: one reading; its score but for the alignments that each beam lost."""
    rng = np.random.default_rng(5)
    vocabulary = Vocabulary(("", *"abcde", " "))
    words = sorted(
        {"".join(letters) for letters in rng.choice(list("abcde"), size=(60, 4))} | {"ab", "bee", "a"}
    )
    lexicon = Lexicon((word, ["abcde".index(letter) + 1 for letter in word]) for word in words)
    text = " ".join(rng.choice(words, size=25))
    matrix = spoken([vocabulary.symbols.index(letter) for letter in text], vocabulary.size, rng)
    model = KenlmModel(arpa)
    for parts in ({"lexicon": lexicon, "model": model}, {"lexicon": lexicon}, {}):
        ours, theirs = (
            Search(SearchSettings(beam=100), vocabulary=vocabulary, engine=engine, **parts)(matrix)  # type: ignore[arg-type]
            for engine in ("plain", "flashlight")
        )
        assert ours.best is not None
        assert theirs.best is not None
        assert theirs.text == ours.text
        assert theirs.best.score == pytest.approx(ours.best.score, abs=0.2)
        assert theirs.best.language == pytest.approx(ours.best.language)
        assert theirs.best.frames == ours.best.frames


def test_nothing_on_the_standard_error(arpa: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Search(vocabulary=LETTERS, lexicon=WORDS, model=KenlmModel(arpa), engine="flashlight")
    assert capfd.readouterr() == ("", "")


def test_a_file_that_kenlm_cannot_read_is_not_needed() -> None:
    """A model of ours may have longer n-grams than KenLM was built for: it is asked itself then."""
    rng = np.random.default_rng(1)
    matrix = np.log(rng.dirichlet(np.full(4, 0.4), size=8))
    model = MadeUp("a ab")
    asked = Search(vocabulary=LETTERS, lexicon=WORDS, model=model, engine="flashlight")(matrix)
    model.path = Path("no such file")  # type: ignore[attr-defined]
    assert Search(vocabulary=LETTERS, lexicon=WORDS, model=model, engine="flashlight")(matrix) == asked


def test_twice_the_same(arpa: Path) -> None:
    """One made-ready search serves many utterances, and remembers none."""
    rng = np.random.default_rng(1)
    first, second = (np.log(rng.dirichlet(np.full(4, 0.4), size=30)) for _ in range(2))
    search = Search(
        SearchSettings(n_best=5), vocabulary=LETTERS, lexicon=WORDS, model=MadeUp("a ab"), engine="flashlight"
    )
    before = search(first)
    search(second)
    assert search(first) == before


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (Task(SearchSettings(token_score=1.0), LETTERS), "it has no score for tokens"),
        (Task(SearchSettings(word_score=1.0), LETTERS), "words only with a lexicon"),
        (Task(SearchSettings(), LETTERS, None, MadeUp("a")), "words only with a lexicon"),
        (Task(SearchSettings(lm_unit="token"), LETTERS, WORDS, MadeUp("a")), "a separator at the end"),
        (Task(SearchSettings(), PHONES, WORDS), "cannot repeat the last token"),
        (Task(SearchSettings(unknown_score=-1.0), LETTERS, WORDS), "beginnings of known ones"),
        (Task(SearchSettings(), LETTERS, Lexicon([("a", [1]), ("a", [1, 1])])), "add up the spellings"),
        (Task(SearchSettings(), LETTERS, Lexicon((f"a{n}", [1]) for n in range(7))), "all but 6 words"),
    ],
)
def test_what_it_cannot_do_is_left_to_ours(task: Task, why: str) -> None:
    search = Search(task.settings, **task.parts())  # type: ignore[arg-type]
    assert search.engine == search(np.log([[0.5, 0.3, 0.1, 0.1][: task.vocabulary.size]])).engine == "plain"
    assert why in search.reason
    with pytest.raises(ValueError, match=f"flashlight-text cannot do this search: .*{why}"):
        Search(task.settings, engine="flashlight", **task.parts())  # type: ignore[arg-type]


def test_it_is_chosen_where_it_fits() -> None:
    search = Search(vocabulary=LETTERS, lexicon=WORDS, model=MadeUp("a"))
    assert (search.engine, search.reason) == ("flashlight", "")
    assert search(np.log([[0.5, 0.3, 0.1, 0.1]])).engine == "flashlight"
    assert math.isfinite(search(np.log([[0.5, 0.3, 0.1, 0.1]])).hypotheses[0].score)
