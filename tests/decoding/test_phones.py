"""Phones with a lexicon of several pronunciations a word: vocabulary, search, language model."""

import itertools
import math

import numpy as np
import pytest
from all_paths import MadeUp, acoustics

from asr.decoding.lexicon import Lexicon
from asr.decoding.search import Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import TokenizerError
from asr.tokenizer import PhoneTokenizer

PRONUNCIATIONS = {
    "a": ["EY", "AH"],
    "oh": ["OW"],
    "o": ["OW"],
    "ate": ["EY T", "AH T"],
    "t": ["T"],
    "zoo": ["Z UW"],
}


def tokenizer(*, boundaries: bool) -> PhoneTokenizer:
    counts = {"a": 3, "ate": 2, "o": 3, "oh": 2, "t": 1}
    phones = ["AH", "EY", "OW", "T"]
    return PhoneTokenizer(phones, PRONUNCIATIONS, counts, {}, boundaries=boundaries, source="my.dict")


BOTH = pytest.mark.parametrize("boundaries", [True, False], ids=["boundaries", "none"])


def test_the_vocabulary() -> None:
    plain = vocabulary_of(tokenizer(boundaries=False))
    assert (plain.symbols, plain.separator, plain.word_starts) == (
        ("", "AH", "EY", "OW", "T"),
        None,
        frozenset(),
    )
    parted = vocabulary_of(tokenizer(boundaries=True))
    assert (parted.symbols[1], parted.separator) == (" ", 1)
    assert not plain.writes_words
    assert not parted.writes_words


def test_a_lexicon_has_every_pronunciation() -> None:
    lexicon = Lexicon.of_words(["a", "oh", "ate"], tokenizer(boundaries=False))
    assert lexicon.spellings == (("a", (1,)), ("a", (2,)), ("ate", (1, 4)), ("ate", (2, 4)), ("oh", (3,)))


def test_words_of_a_lexicon_without_a_pronunciation_are_all_named() -> None:
    with pytest.raises(TokenizerError) as caught:
        Lexicon.of_words(["a", "foo", "zoo", "bar", "foo"], tokenizer(boundaries=True))
    assert "no pronunciation in my.dict for foo, bar:" in str(caught.value)
    assert "phones that no training text has for zoo:" in str(caught.value)


@BOTH
@pytest.mark.parametrize("seed", range(6))
def test_the_search_is_the_best_of_all_words_in_all_pronunciations(boundaries: bool, seed: int) -> None:
    """Against every sequence of words, spelled in every way, over all paths of 4 frames."""
    tokens = tokenizer(boundaries=boundaries)
    vocabulary, model = vocabulary_of(tokens), MadeUp("a ate o oh t", seed)
    words = ["a", "ate", "o", "oh", "t"]
    lexicon = Lexicon.of_words(words, tokens)
    matrix = np.log(np.random.default_rng(seed).dirichlet(np.full(vocabulary.size, 0.4), size=4))
    sums = acoustics(matrix, vocabulary.separator)
    between = () if tokens.boundary is None else (tokens.boundary,)

    def language(said: tuple[str, ...]) -> float:
        state, total = model.start(), 0.0
        for word in said:
            log_prob, state = model.score(state, word)
            total += log_prob
        return total + model.finish(state)

    ways = {word: [tuple(way) for way in tokens.spellings(word)] for word in words}
    expected = -math.inf, ()
    for count in range(5):
        for said in itertools.product(words, repeat=count):
            for spelled in itertools.product(*(ways[word] for word in said)):
                whole = tuple(itertools.chain.from_iterable((*way, *between) for way in spelled))
                whole = whole[:-1] if between and whole else whole
                score = sums.get(whole, -math.inf) + 0.7 * language(said) + 0.3 * len(said)
                expected = max(expected, (score, said))
    settings = SearchSettings(
        lm_weight=0.7, word_score=0.3, beam=10_000, beam_threshold=1e9, token_threshold=-1e9
    )
    best = Search(settings, vocabulary=vocabulary, lexicon=lexicon, model=model, engine="plain")(matrix).best
    assert best is not None
    assert best.score == pytest.approx(expected[0])
    assert best.words == expected[1]


class Knows:
    """A model that knows two sentences."""

    def start(self) -> tuple[str, ...]:
        return ()

    def score(self, state: tuple[str, ...], word: str) -> tuple[float, tuple[str, ...]]:
        after = (*state, word)
        return (0.0 if after in {("a",), ("a", "oh"), ("t",), ("t", "o")} else -9.0), after

    def finish(self, state: tuple[str, ...]) -> float:
        return 0.0

    def __contains__(self, word: str) -> bool:
        return True


@BOTH
def test_a_language_model_tells_homophones(boundaries: bool) -> None:
    tokens = tokenizer(boundaries=boundaries)
    search = Search(
        SearchSettings(lm_weight=1.0),
        vocabulary=vocabulary_of(tokens),
        lexicon=Lexicon.of_words(tokens.counts, tokens),
        model=Knows(),
    )
    assert search.engine == "plain"  # flashlight-text would add up the pronunciations of a word
    for text, first in (("a oh", "a"), ("t o", "t")):
        path = tokens.encode(f"{first} oh")
        matrix = np.full((len(path), tokens.size), 0.01)
        matrix[np.arange(len(path)), path] = 1 - 0.01 * (tokens.size - 1)
        assert search(np.log(matrix)).text == text


@BOTH
def test_what_phones_cannot_do_is_refused(boundaries: bool) -> None:
    tokens = tokenizer(boundaries=boundaries)
    vocabulary = vocabulary_of(tokens)
    lexicon = Lexicon.of_words(["a"], tokens)
    with pytest.raises(ValueError, match="a language model over words needs words: of phones, a lexicon"):
        Search(vocabulary=vocabulary, model=Knows())
    with pytest.raises(ValueError, match="word_score needs words: of phones, a lexicon"):
        Search(SearchSettings(word_score=1.0), vocabulary=vocabulary)
    with pytest.raises(
        ValueError, match="unknown_score: nothing tells how a word that is not in the lexicon is"
    ):
        Search(SearchSettings(unknown_score=-5.0), vocabulary=vocabulary, lexicon=lexicon)
