import pytest

from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.recipe import Tokenizer as Settings
from asr.tokenizer import CharacterTokenizer, build_tokenizer

TEXTS = ["one two three", "two three four", "three four five", "nine nine seven", "eight six", "zero oh"] * 3


def test_characters() -> None:
    vocabulary = vocabulary_of(CharacterTokenizer([" ", "a", "b"]))
    assert vocabulary.symbols == ("", " ", "a", "b")
    assert (vocabulary.size, vocabulary.separator, vocabulary.word_starts) == (4, 1, {1})
    assert [vocabulary.name(token) for token in (1, 2, 3)] == ["▁", "a", "b"]
    assert vocabulary.name(0) == "<unk>"
    assert vocabulary.text([1, 2, 1, 1, 3, 1]) == "a b"


def test_subwords_read_as_their_tokenizer_reads_them() -> None:
    tokenizer = build_tokenizer(Settings(kind="subwords", size=24), TEXTS)
    vocabulary = vocabulary_of(tokenizer)
    assert vocabulary.size == tokenizer.size
    assert vocabulary.word_starts
    for text in TEXTS:
        tokens = tokenizer.encode(text)
        assert vocabulary.text(tokens) == tokenizer.decode(tokens) == text
    for token in range(2, vocabulary.size):
        assert vocabulary.text([token]) == tokenizer.decode([token])
    assert vocabulary.symbols[1] == ""  # SentencePiece's unknown


def test_phones_have_no_separator() -> None:
    vocabulary = Vocabulary(("", "AH0", "B"))
    assert (vocabulary.separator, vocabulary.word_starts) == (None, frozenset())


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ((), "symbol 0 is the blank"),
        (("a", "b"), "symbol 0 is the blank and has no text"),
        (("", "a b"), "a space may only begin a symbol"),
        (("", " ", "a", " "), r"each symbol stands for one token, got several \[' '\]"),
    ],
)
def test_what_is_no_vocabulary(symbols: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Vocabulary(symbols)
