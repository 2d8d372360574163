import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr import recipe
from asr.errors import TokenizerError
from asr.text import normalise
from asr.tokenizer import (
    BLANK,
    CharacterTokenizer,
    SubwordTokenizer,
    Tokenizer,
    build_tokenizer,
    tokenizer_from_json,
)

TEXTS = [
    "one two three",
    "four five six seven",
    "eight nine zero oh",
    "the quick brown fox jumps",
    "lazy dog's v",
]
CHARACTERS = recipe.Tokenizer()
SUBWORDS = recipe.Tokenizer(kind="subwords", size=34)
CHARACTER_TOKENIZER = build_tokenizer(CHARACTERS, TEXTS)
SUBWORD_TOKENIZER = build_tokenizer(SUBWORDS, TEXTS)
BOTH = pytest.mark.parametrize(
    "tokenizer", [CHARACTER_TOKENIZER, SUBWORD_TOKENIZER], ids=["characters", "subwords"]
)


def test_characters_by_hand() -> None:
    tokenizer = build_tokenizer(CHARACTERS, ["no", "go on"])
    assert isinstance(tokenizer, CharacterTokenizer)
    assert tokenizer.alphabet == (" ", "g", "n", "o")
    assert tokenizer.size == 5
    assert tokenizer.encode("go no") == [2, 4, 1, 3, 4]
    assert tokenizer.decode([2, 4, 1, 3, 4]) == "go no"
    assert tokenizer.to_json() == {"kind": "characters", "alphabet": [" ", "g", "n", "o"]}


def test_decoding_keeps_single_spaces_only() -> None:
    tokenizer = CharacterTokenizer([" ", "a"])
    assert tokenizer.decode([1, 1, 2, 1, 1, 2, 1]) == "a a"
    assert tokenizer.decode([]) == ""


def test_subwords_are_as_many_as_asked_and_the_blank() -> None:
    assert isinstance(SUBWORD_TOKENIZER, SubwordTokenizer)
    assert SUBWORD_TOKENIZER.size == 35


def test_subwords_join_letters() -> None:
    texts = ["seven seventeen seventy"] * 20 + ["abcdefghijklm"]
    tokenizer = build_tokenizer(recipe.Tokenizer(kind="subwords", size=24), texts)
    assert len(tokenizer.encode("seven seven")) < len("seven seven") / 2


@BOTH
def test_texts_come_back(tokenizer: Tokenizer) -> None:
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@BOTH
@given(text=st.text(alphabet="abcdefghijklmnopqrstuvwxyz' "))
def test_any_text_of_the_alphabet_comes_back(tokenizer: Tokenizer, text: str) -> None:
    text = normalise(text)
    tokens = tokenizer.encode(text)
    assert all(0 < token < tokenizer.size for token in tokens)
    assert tokenizer.decode(tokens) == text


@BOTH
@given(data=st.data())
def test_any_tokens_decode_to_clean_text(tokenizer: Tokenizer, data: st.DataObject) -> None:
    tokens = data.draw(st.lists(st.integers(1, tokenizer.size - 1), max_size=50))
    text = tokenizer.decode(tokens)
    assert text == " ".join(text.split())
    assert "\u2047" not in text  # SentencePiece's sign for the unknown
    tokenizer.encode(text)


@BOTH
@pytest.mark.parametrize("tokens", [[BLANK], [1, -1], [1, 10_000]])
def test_decoding_refuses_what_is_no_token(tokenizer: Tokenizer, tokens: list[int]) -> None:
    with pytest.raises(
        ValueError, match=rf"tokens must be 1 to \d+ \(0 is the blank\), got \[{min(tokens)}|10000"
    ):
        tokenizer.decode(tokens)


@BOTH
def test_characters_outside_the_alphabet_are_all_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(TokenizerError) as caught:
        tokenizer.encode("one ñ 2 two ñ")
    assert str(caught.value) == (
        "'one ñ 2 two ñ' has characters outside the alphabet: "
        "'2' (U+0032), 'ñ' (U+00F1); "
        "leave the utterance out, mend its text, or train with an alphabet that has them"
    )


@pytest.mark.parametrize("settings", [CHARACTERS, SUBWORDS], ids=["characters", "subwords"])
def test_the_order_of_texts_does_not_matter(settings: recipe.Tokenizer) -> None:
    assert (
        build_tokenizer(settings, TEXTS[::-1]).to_json() == build_tokenizer(settings, iter(TEXTS)).to_json()
    )


def test_subwords_are_the_same_in_another_interpreter() -> None:
    program = (
        "from asr import recipe; from asr.tokenizer import build_tokenizer\n"
        f"print(build_tokenizer(recipe.Tokenizer(kind='subwords', size=34), {TEXTS!r}).digest())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == SUBWORD_TOKENIZER.digest()


@BOTH
def test_json_and_back(tokenizer: Tokenizer) -> None:
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert type(again) is type(tokenizer)
    assert again.size == tokenizer.size
    assert again.digest() == tokenizer.digest()
    assert again.encode(TEXTS[0]) == tokenizer.encode(TEXTS[0])


def test_digests_tell_tokenizers_apart() -> None:
    digests = {
        CHARACTER_TOKENIZER.digest(),
        SUBWORD_TOKENIZER.digest(),
        CharacterTokenizer(["a", "b"]).digest(),
        CharacterTokenizer(["b", "a"]).digest(),
    }
    assert len(digests) == 4
    # Records hold digests, so they must never change: SHA-256 of {"alphabet":["a","b"],"kind":"characters"}.
    assert CharacterTokenizer(["a", "b"]).digest() == (
        "f9bb54a27f5816cc1f16f5c0a8252e0796093d570f007e4f85508128fff90f3b"
    )


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, r"not a tokenizer: found the keys \[\] and kind None; expected kind"),
        ({"kind": "bytes"}, "kind 'bytes'; expected kind"),
        ({"kind": "characters", "alphabet": "ab"}, "not a tokenizer"),
        ({"kind": "characters", "alphabet": ["a"], "more": 1}, "not a tokenizer"),
        ({"kind": "characters", "alphabet": ["a", "a"]}, "single characters, each once"),
        ({"kind": "characters", "alphabet": ["ab"]}, "single characters, each once"),
        ({"kind": "characters", "alphabet": [1]}, "cannot be built"),
        ({"kind": "characters", "alphabet": [["a"]]}, "cannot be built"),
        ({"kind": "subwords", "sentencepiece": "%%%"}, "cannot be built"),
        ({"kind": "subwords", "sentencepiece": "aGVsbG8="}, "not a SentencePiece model"),
        ({"kind": "subwords", "sentencepiece": ""}, "not a SentencePiece model"),
    ],
)
def test_json_of_something_else(tree: dict[str, object], message: str) -> None:
    with pytest.raises(TokenizerError, match=message):
        tokenizer_from_json(tree)


def test_no_text_at_all() -> None:
    for settings in (CHARACTERS, SUBWORDS):
        with pytest.raises(TokenizerError, match="the training texts have no characters at all"):
            build_tokenizer(settings, ["", "  "])


@pytest.mark.parametrize("size", [8, 4000])
def test_a_size_that_the_texts_do_not_allow(size: int) -> None:
    with pytest.raises(
        TokenizerError, match=rf"tokenizer\.size = {size} subwords cannot be learned from 5 texts"
    ):
        build_tokenizer(recipe.Tokenizer(kind="subwords", size=size), TEXTS)
