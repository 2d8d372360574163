"""Tokens to words, whatever the tokens are."""

import numpy as np
import pytest

from asr.decoding.alignment import Span
from asr.decoding.lexicon import Lexicon
from asr.decoding.reader import greedy_reader, search_reader
from asr.decoding.search import Search
from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.decoding.word_times import WordSpan, heard_words, known_words, read_words, word_spans
from asr.tokenizer import CharacterTokenizer

LETTERS = Vocabulary(("", "a", "b", " "))
PIECES = Vocabulary(("", " a", "b", " b"))
PHONES = Vocabulary(("", "AA", "B"), writes_words=False)


def spoken(*tokens: int) -> list[Span]:
    """Each two frames long, with one between."""
    return [Span(token, 3 * place + 1, 3 * place + 3) for place, token in enumerate(tokens)]


def test_letters() -> None:
    """ "ab b" with a space too many at each end and between."""
    found = word_spans(spoken(3, 1, 2, 3, 3, 2, 3), LETTERS)
    assert found == [WordSpan("ab", 1, 3, 4, 9), WordSpan("b", 5, 6, 16, 18)]
    assert word_spans(spoken(3, 3), LETTERS) == word_spans([], LETTERS) == []


def test_pieces() -> None:
    """A word begins with a piece that begins with a space, and the first one in any case."""
    found = word_spans(spoken(2, 1, 2, 3), PIECES)
    assert found == [WordSpan("b", 0, 1, 1, 3), WordSpan("ab", 1, 3, 4, 9), WordSpan("b", 3, 4, 10, 12)]


def test_words_of_a_lexicon_have_their_own_names() -> None:
    found = word_spans(spoken(1, 2, 3, 2), LETTERS, ["Abe", "bee"])
    assert [(word.word, word.first, word.last) for word in found] == [("Abe", 0, 2), ("bee", 3, 4)]
    with pytest.raises(ValueError, match=r"2 words in the tokens, but 1 are given: \['x'\]"):
        word_spans(spoken(1, 3, 2), LETTERS, ["x"])


def test_phones_are_told_apart_by_their_lexicon() -> None:
    """The longer spelling of the first word fits, too, but then nothing is left for the second."""
    lexicon = Lexicon([("one", [1]), ("one", [1, 2]), ("two", [2, 1]), ("two", [2])])
    found = word_spans(spoken(1, 2, 2, 1), PHONES, ["one", "two"], lexicon)
    assert [(word.word, word.first, word.last) for word in found] == [("one", 0, 2), ("two", 2, 4)]
    found = word_spans(spoken(1, 2, 1), PHONES, ["one", "two"], lexicon)
    assert [(word.first, word.last) for word in found] == [(0, 1), (1, 3)]
    with pytest.raises(ValueError, match="does not spell"):
        word_spans(spoken(1, 1), PHONES, ["one", "two"], lexicon)
    with pytest.raises(ValueError, match="words and a lexicon are needed"):
        word_spans(spoken(1, 1), PHONES)


def test_words_of_a_text() -> None:
    tokenizer = CharacterTokenizer(" ab")
    spans = spoken(*tokenizer.encode("ab b"))
    expected = [WordSpan("ab", 0, 2, 1, 6), WordSpan("b", 3, 4, 10, 12)]
    assert known_words(tokenizer, spans, "ab b") == expected
    assert read_words(tokenizer, spans, ["ab", "b"]) == expected
    assert vocabulary_of(tokenizer).separator == 1


def test_an_alphabet_without_a_space() -> None:
    """Of single words, as a corpus of isolated digits has them. A lexicon can tell several."""
    tokenizer = CharacterTokenizer("ab")
    spans = spoken(*tokenizer.encode("abb"))
    whole = [WordSpan("abb", 0, 3, 1, 9)]
    assert known_words(tokenizer, spans, "abb") == read_words(tokenizer, spans, ["abb"]) == whole
    lexicon = Lexicon([("ab", [1, 2]), ("b", [2])])
    found = read_words(tokenizer, spans, ["ab", "b"], lexicon)
    assert [(word.word, word.first, word.last) for word in found] == [("ab", 0, 2), ("b", 2, 3)]


def test_last_bits_do_not_move_the_words_of_a_greedy_reading() -> None:
    """A separator comes first and is no part of the reading. Were its frame aligned anew, it would be blank or "a",
    which are equally probable but for what a batch makes of them."""
    tokenizer = CharacterTokenizer(" ab")
    expected = [WordSpan("a", 0, 1, 1, 2), WordSpan("b", 2, 3, 3, 4)]
    for noise in (-1e-5, 0.0, 1e-5):
        heard = np.full((4, 4), -9.0)
        heard[range(4), [1, 2, 1, 3]] = -0.01
        heard[0, [0, 2]] = -5.0, -5.0 + noise
        assert heard_words(tokenizer, heard, greedy_reader(tokenizer)(heard)) == expected


def test_words_of_a_search() -> None:
    tokenizer = CharacterTokenizer(" ab")
    heard = np.full((5, 4), -9.0)
    heard[range(5), [0, 2, 1, 3, 0]] = -0.01
    read = search_reader(Search(vocabulary=vocabulary_of(tokenizer), engine="plain"))
    expected = [WordSpan("a", 0, 1, 1, 2), WordSpan("b", 2, 3, 3, 4)]
    assert heard_words(tokenizer, heard, read(heard)) == expected
    assert heard_words(tokenizer, heard[:1], read(heard[:1])) == []
