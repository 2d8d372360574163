"""Classes of words, and models of them written out in words: by hand, against the definitions, and their sums."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_oracle import levels_of, model_of, probability
from made_text import made_text

from asr.errors import LanguageModelError
from asr.lm.arpa_reader import read_arpa
from asr.lm.class_ngrams import written_out
from asr.lm.classes import Classes, learn
from asr.lm.description import read_description
from asr.lm.model import Model
from asr.lm.text import Corpus
from asr.lm.train import Settings, as_ngrams, train
from asr.lm.vocabulary import SPECIAL, Vocabulary

Text = Sequence[Sequence[str]]
texts = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=7), min_size=1, max_size=12)


def corpus(text: Text, more: str = "") -> Corpus:
    """Without a file; `more` are words of the vocabulary that the text may lack."""
    words = (*SPECIAL, *sorted({word for sentence in text for word in sentence} | set(more)))
    ids = [words.index(word) for sentence in text for word in ("<s>", *sentence, "</s>")]
    return Corpus(Vocabulary(words), np.array(ids, np.int32), ())


def of_words(made: Classes, text: Corpus) -> dict[str, int]:
    return dict(zip(text.vocabulary.words, made.of.tolist(), strict=True))


def likelihood(text: Text, classes: dict[str, int]) -> float:
    """The log-probability of the text by bigrams of classes and words given classes, as it is defined."""
    pairs, first, second, words = Counter[tuple[int, int]](), Counter[int](), Counter[int](), Counter[str]()
    for sentence in text:
        tokens = ("<s>", *sentence, "</s>")
        words.update(tokens[1:])
        for before, after in pairwise(tokens):
            pairs[classes[before], classes[after]] += 1
            first[classes[before]] += 1
            second[classes[after]] += 1
    of_classes = sum(n * math.log(n / first[before]) for (before, _), n in pairs.items())
    return of_classes + sum(n * math.log(n / second[classes[word]]) for word, n in words.items())


def test_words_with_the_same_neighbours_are_one_class() -> None:
    text = corpus(["ax", "bx", "ay", "by", "ay"])
    classes = of_words(made := learn(text, 2), text)
    assert made.number == 2
    assert classes["a"] == classes["b"] != classes["x"] == classes["y"]
    within = dict(zip(text.vocabulary.words, (10**made.log10).tolist(), strict=True))
    # a 3 times and b 2 times of 5: half a count off each, and half of that back to each.
    assert within["a"] == pytest.approx((3 - 0.5 + 0.5) / 5)
    assert within["b"] == pytest.approx((2 - 0.5 + 0.5) / 5)
    assert within["<unk>"] == within["</s>"] == 1.0


def test_unseen_words_stand_with_the_rarest() -> None:
    # c and d stand between the same words, once each; a, b, x often.
    text = corpus(["axb"] * 6 + ["acb", "adb"], more="ez")
    made = learn(text, 4)
    classes = of_words(made, text)
    assert classes["e"] == classes["z"] == classes["c"] == classes["d"]
    assert classes["c"] not in (classes["a"], classes["b"], classes["x"])
    # 1 of 2 each, half a count off; the whole count that is free goes to four words.
    within = dict(zip(text.vocabulary.words, (10**made.log10).tolist(), strict=True))
    assert within["c"] == pytest.approx((0.5 + 1 / 4) / 2)
    assert within["e"] == pytest.approx((1 / 4) / 2)


@given(text=texts, number=st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_no_word_would_do_better_elsewhere(text: list[list[str]], number: int) -> None:
    read = corpus(text)
    classes = of_words(learn(read, number), read)
    found = likelihood(text, classes)
    words = [word for word in classes if word not in SPECIAL]
    places = range(len(SPECIAL), len(SPECIAL) + number)
    for word in words:
        assert all(likelihood(text, {**classes, word: place}) < found + 1e-5 for place in places)
    by_rank = sorted(words, key=lambda word: (-sum(sentence.count(word) for sentence in text), word))
    begun = {word: len(SPECIAL) + min(rank, number - 1) for rank, word in enumerate(by_rank)}
    assert found > likelihood(text, {**classes, **begun}) - 1e-5


@given(text=texts, number=st.integers(1, 4), order=st.integers(1, 4), more=st.sampled_from(["", "yz"]))
@settings(max_examples=30, deadline=None)
def test_a_word_has_the_probability_of_its_class_times_its_own(
    text: list[list[str]], number: int, order: int, more: str
) -> None:
    read = corpus(text, more)
    made = learn(read, number)
    counted = made.corpus(read)
    levels = levels_of(counted, min(order, counted.longest))
    of_classes = model_of(counted, levels)
    model = Model(read.vocabulary.words, written_out(as_ngrams(levels), made))
    names = dict(zip(read.vocabulary.words, np.array(counted.vocabulary.words)[made.of], strict=True))
    within = dict(zip(read.vocabulary.words, 10**made.log10, strict=True))
    known = [word for word in read.vocabulary.words if word != "<s>"]
    for history in {(), ("<unk>",), *(("<s>", *sentence[:end]) for sentence in text for end in range(4))}:
        in_classes = [str(names[word]) for word in history]
        for word in known:
            expected = probability(of_classes, str(names[word]), in_classes) * within[word]
            assert probability(model, word, history) == pytest.approx(expected, rel=1e-9)
        assert sum(probability(model, word, history) for word in known) == pytest.approx(1, rel=1e-9)


def test_a_class_for_each_word_is_the_model_of_words() -> None:
    text = corpus([sentence.split() for sentence in made_text("classes", 40, words=40)])
    made = learn(text, 1000)
    levels = levels_of(made.corpus(text), 3)
    ours, words = Model(text.vocabulary.words, written_out(as_ngrams(levels), made)), text.vocabulary.words
    theirs = model_of(text, levels_of(text, 3))
    assert made.number == len(words) - len(SPECIAL)
    assert ours.counts == theirs.counts
    assert np.allclose(ours.log10_of(text.ids), theirs.log10_of(text.ids), rtol=0, atol=1e-9)


def test_a_model_that_would_be_too_large_is_refused() -> None:
    text = corpus(["abc", "bca", "cab"])
    made = learn(text, 1)
    ngrams = as_ngrams(levels_of(made.corpus(text), 3))
    with pytest.raises(
        LanguageModelError, match="classes has 45 3-grams, and 44 are allowed; give more --cl"
    ):
        # c c c, c c </s>, <s> c c: 27 + 9 + 9 of them.
        written_out(ngrams, made, most=44)


@pytest.mark.parametrize("wanted", [{"classes": -1}, {"classes": 5, "unit": "character"}])
def test_classes_that_cannot_be(wanted: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="classes are of words, 1 or more of them, got"):
        Settings(**wanted)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the number of classes must be 1 or more, got 0"):
        learn(corpus(["a"]), 0)


def test_the_file_depends_on_the_text_alone_and_says_what_it_is(tmp_path: Path) -> None:
    lines = made_text("train", 300, words=30)
    for name, order in (("one", lines), ("two", lines[::-1])):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in order), encoding="utf-8")
        train([tmp_path / name], tmp_path / f"{name}.arpa", Settings(classes=6))
    made = tmp_path / "one.arpa"
    assert made.read_bytes() == (tmp_path / "two.arpa").read_bytes()
    told = read_description(made)
    assert told is not None and told.classes == 6
    assert told.ngrams == read_arpa(made).counts
