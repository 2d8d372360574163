import pytest

from asr.decoding.lexicon import Lexicon
from asr.errors import TokenizerError
from asr.tokenizer import CharacterTokenizer


def test_a_trie_by_hand() -> None:
    lexicon = Lexicon([("to", [1, 2]), ("too", [1, 2, 2]), ("two", [1, 2]), ("o", [2]), ("to", [1, 2])])
    root = lexicon.root
    assert sorted(root.children) == [1, 2]
    assert root.children[2].words == ("o",)
    assert root.children[1].words == ()
    assert root.children[1].children[2].words == ("to", "two")
    assert root.children[1].children[2].children[2].words == ("too",)
    assert len(lexicon.nodes) == 5
    assert (lexicon.size, len(lexicon.spellings)) == (4, 4)


def test_the_order_of_words_does_not_matter() -> None:
    words = [("b", [2]), ("a", [1]), ("ab", [1, 2]), ("b", [1, 1])]
    assert Lexicon(words).spellings == Lexicon(reversed(words)).spellings
    assert Lexicon(words).size == 3


def test_the_best_word_below() -> None:
    lexicon = Lexicon([("to", [1, 2]), ("too", [1, 2, 2]), ("o", [2])])
    best = lexicon.best_below({"to": -3.0, "too": -1.0, "o": -2.0}.__getitem__)
    t, o = lexicon.root.children[1], lexicon.root.children[2]
    assert [best[node.number] for node in (lexicon.root, t, t.children[2], o)] == [-1.0, -1.0, -1.0, -2.0]


def test_words_spelled_by_a_tokenizer() -> None:
    tokenizer = CharacterTokenizer(" abc")
    assert Lexicon.of_words(["cab", "a"], tokenizer).spellings == (("a", (2,)), ("cab", (4, 2, 3)))
    with pytest.raises(TokenizerError, match=r"'cabs' has characters outside the alphabet: 's'"):
        Lexicon.of_words(["cab", "cabs"], tokenizer)


@pytest.mark.parametrize(
    ("spellings", "message"),
    [
        ([], "a lexicon needs at least one word"),
        ([("a", [])], "the word 'a' has no tokens"),
        ([("a", [1, 0])], r"the word 'a' is spelled \[1, 0\]; tokens are 1 or more"),
        ([("", [1])], "a word has no spaces and at least one character, got ''"),
        ([("a b", [1])], "a word has no spaces and at least one character, got 'a b'"),
    ],
)
def test_what_is_no_lexicon(spellings: list[tuple[str, list[int]]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lexicon(spellings)
