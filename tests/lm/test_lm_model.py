"""Back-off by its definition; states; many sentences at once."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_oracle import levels_of, model_of, probability
from test_kneser_ney import corpus, texts

from asr.lm.arpa_reader import read_arpa
from asr.lm.model import MISSING, Model, NGrams
from asr.lm.pruning import prune_by_entropy

ARPA = """\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.25
-1.0\t</s>
-0.5\ta\t-0.125
-0.75\tb\t-0.5

\\2-grams:
-0.25\t<s> a\t-0.0625
-0.375\ta b\t-0.03125
-0.625\tb a
-0.875\tb </s>

\\3-grams:
-0.0625\t<s> a b
-0.1875\ta b </s>

\\end\\
"""


def model(folder: Path, text: str = ARPA) -> Model:
    (folder / "model.arpa").write_text(text, encoding="utf-8")
    return read_arpa(folder / "model.arpa")


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("a b", [(-0.25, 2), (-0.0625, 3), (-0.1875, 3)]),
        # b has no n-gram after <s>: back-off of <s>. a b </s> is no continuation of "b a": of "b a" none, of a -0.125.
        ("b a", [(-0.25 - 0.75, 1), (-0.625, 2), (-0.125 - 1.0, 1)]),
        # a: after "<s> a" and after a no a: both back-offs. Then a b: "a a" is no history, "a b" is there.
        ("a a b", [(-0.25, 2), (-0.0625 - 0.125 - 0.5, 1), (-0.375, 2), (-0.1875, 3)]),
        # The unknown word has no back-off and no n-grams.
        ("a never b", [(-0.25, 2), (-0.0625 - 0.125 - 1.5, 1), (-0.75, 1), (-0.875, 2)]),
        ("", [(-0.25 - 1.0, 1)]),
    ],
)  # fmt: skip
def test_back_off_by_hand(sentence: str, expected: list[tuple[float, int]], tmp_path: Path) -> None:
    scored = model(tmp_path).score(sentence.split())
    assert [(word.log10, word.length) for word in scored] == expected
    assert [word.word for word in scored] == [*sentence.split(), "</s>"]
    assert [word.known for word in scored] == [word != "never" for word in [*sentence.split(), "</s>"]]


def test_without_start_and_end(tmp_path: Path) -> None:
    scored = model(tmp_path).score(["a", "b"], start=False, end=False)
    assert [(word.log10, word.length) for word in scored] == [(-0.5, 1), (-0.375, 2)]


def test_a_back_off_weight_counts_also_where_no_longer_ngram_follows(tmp_path: Path) -> None:
    """Our own models have none such; those of other toolkits may."""
    found = model(tmp_path, ARPA.replace("b a\n", "b a\t-0.25\n"))
    expected = [-0.25 - 0.75, -0.625, -0.25 - 0.125 - 1.0]
    assert [word.log10 for word in found.score(["b", "a"])] == expected
    numbers = [found.numbers[word] for word in ("<s>", "b", "a", "</s>")]
    assert found.log10_of(np.array(numbers)).tolist() == [0, *expected]


def test_states_are_equal_where_nothing_can_tell_them_apart(tmp_path: Path) -> None:
    found = model(tmp_path)

    def state(*words: str) -> int:
        at = found.start
        for word in words:
            _, at = found.advance(at, word)
        return at

    # "b a" has no n-grams and no back-off: what follows depends on a alone. "a b" has both.
    assert state("b", "a") == state("a", "b", "a") == state("never", "a")
    assert state("a", "b") == state("b", "a", "b") != state("b")
    assert state("never") == state("a", "never") == 0
    assert len({state("b", "a"), state("never", "a"), state("a")}) == 2  # hashable; `<s> a` is one of its own


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(1, 4), st.floats(0, 0.05))
def test_equal_states_have_equal_futures(text: list[list[str]], order: int, threshold: float) -> None:
    made = corpus(text)
    found = model_of(made, prune_by_entropy(levels_of(made, min(order, made.longest)), threshold))
    reached: dict[int, tuple[str, ...]] = {}
    for history in itertools.chain.from_iterable(itertools.product("abx", repeat=n) for n in range(4)):
        state = found.start
        for word in history:
            _, state = found.advance(state, word)
        other = reached.setdefault(state, history)
        for word in found.words:
            exact = probability(found, word, ("<s>", *history)), probability(found, word, ("<s>", *other))
            assert exact[0] == pytest.approx(exact[1], rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(1, 4), st.floats(0, 0.05), texts)
def test_many_at_once_as_one_by_one(
    text: list[list[str]], order: int, threshold: float, others: list[list[str]]
) -> None:
    made = corpus(text)
    found = model_of(made, prune_by_entropy(levels_of(made, min(order, made.longest)), threshold))
    one_by_one, ids = [], []
    for sentence in others:
        one_by_one += [0.0, *(word.log10 for word in found.score(sentence))]
        ids += [found.numbers.get(word, found.numbers["<unk>"]) for word in ("<s>", *sentence, "</s>")]
    assert found.log10_of(np.array(ids)) == pytest.approx(one_by_one)


def test_a_model_without_unk(tmp_path: Path) -> None:
    """As KenLM: no probability to speak of."""
    without = ARPA.replace("-1.5\t<unk>\n", "").replace("ngram 1=5", "ngram 1=4")
    found = model(tmp_path, without)
    assert not found.has_unknown
    assert found.words == ("<s>", "</s>", "a", "b", "<unk>")
    never = found.score(["a", "never"])[1]
    assert (never.log10, never.known) == (MISSING - 0.0625 - 0.125, False)
    assert [word.log10 for word in found.score(["a", "b"])] == [-0.25, -0.0625, -0.1875]


def test_tables_that_are_no_model() -> None:
    def table(history: list[int], word: list[int]) -> NGrams:
        zeros = np.zeros(len(word))
        return NGrams(np.array(history, np.int64), np.array(word, np.int32), zeros, zeros)

    words = ("<unk>", "<s>", "</s>")
    with pytest.raises(ValueError, match="must be the vocabulary"):
        Model(words, [table([0, 0], [0, 1])])
    with pytest.raises(ValueError, match="sorted by history and word, each once"):
        Model(words, [table([0, 0, 0], [0, 1, 2]), table([1, 0], [2, 2])])
