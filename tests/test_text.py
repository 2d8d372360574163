import sys
import unicodedata

import miniature
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text import VERSIONS, normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("YES", "yes"),
        ("  RUBOUT  G\tM\nE F  ", "rubout g m e f"),
        ("It’s ‘fine’", "it's 'fine'"),
        ("rock ´n` roll", "rock 'n' roll"),
        ("ŉ", "'n"),  # its compatibility form has a modifier apostrophe
        ("ﬁve", "five"),  # ligature
        ("１２", "12"),  # full width
        ("cafe\u0301", "café"),  # composed
        ("STRASSE straße", "strasse straße"),  # lower case, not case folding
        ("Ångström", "ångström"),
        ("a\u00a0b\u3000c", "a b c"),  # no-break and ideographic spaces
        ("co\u00adop\u200bera\ufefftion", "cooperation"),  # soft hyphen, zero-width space, byte-order mark
        ("Hello, world! 3.5", "hello, world! 3.5"),  # punctuation and digits stay
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_plain_1(text: str, expected: str) -> None:
    assert normalise(text, "plain-1") == expected


@given(st.text())
def test_twice_is_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.text())
def test_what_is_left(text: str) -> None:
    normalised = normalise(text)
    assert normalised == normalised.strip()
    assert "  " not in normalised
    assert all(symbol == " " or not symbol.isspace() for symbol in normalised)
    assert unicodedata.is_normalized("NFKC", normalised)
    assert normalised == normalised.lower()
    assert not set(normalised) & set("‘’ʼ`´\u200b\u00ad\ufeff")


def test_every_character_comes_to_rest() -> None:
    """Each on its own and between letters, since some change with what stands beside them."""
    for number in range(sys.maxunicode + 1):
        if unicodedata.category(chr(number)) in ("Cn", "Co", "Cs"):
            continue  # unassigned, private, surrogate
        for text in (chr(number), f"A{chr(number)}Σ"):
            once = normalise(text)
            assert normalise(once) == once, hex(number)


@given(st.lists(st.text(alphabet="abcxyz'", min_size=1)))
def test_plain_words_stay(words: list[str]) -> None:
    assert normalise("  ".join(words).upper()).split() == words


def test_unknown_version() -> None:
    with pytest.raises(
        ValueError, match=r"unknown text version 'plain-9'; known: basic-1, en-1, plain-1, zh-1"
    ):
        normalise("a", "plain-9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", "hello world"),
        ("It’s ‘fine’, isn't it?", "it's fine isn't it"),
        ("rock 'n' roll, dogs' goin'", "rock n roll dogs goin"),
        ("well-known – or not…", "well known or not"),
        ("U.S.A. e.g. this", "u s a e g this"),
        ("3.5 or 1,000; at 12:30.", "3.5 or 1,000 at 12 30"),
        ("5 % of $3 & 7€ + 2", "5 % of $3 & 7€ + 2"),  # read out: not punctuation
        ("l'amour à l’école : «oui»", "l'amour à l'école oui"),
        ("¿Qué? ¡Sí!", "qué sí"),
        ("col·lecció · fi", "col·lecció fi"),
        ("צה״ל אמר: ״כן״", "צה״ל אמר כן"),
        ("नमस्ते। कैसे हैं?", "नमस्ते कैसे हैं"),  # vowel signs are combining marks
        ("สวัสดี ครับ", "สวัสดี ครับ"),
        ("x\u0301, y\u0331!", "x\u0301 y\u0331"),  # marks without a composed form
        ("، مرحبا؟", "مرحبا"),
        ("a''b", "a b"),
        ("- . -", ""),
        ("snake_case a/b", "snake case a b"),
    ],
)
def test_basic_1(text: str, expected: str) -> None:
    assert normalise(text, "basic-1") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Smith & Mrs. O'Hara", "mister smith and missus o'hara"),
        ("AT&T", "at and t"),
        ("50% of 1,000,000", "50 percent of 1000000"),
        ("12,34 and 1,0000 and 1,234.5", "12,34 and 1,0000 and 1234.5"),
        ("It's OK, don't worry", "it's okay don't worry"),
        ("twenty-one", "twenty one"),
        ("in 1984", "in 1984"),  # a year or a number: nobody knows
        ("Dr. No lives on Elm Dr.", "dr no lives on elm dr"),  # doctor, drive: both stay
    ],
)
def test_en_1(text: str, expected: str) -> None:
    assert normalise(text, "en-1") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好，世界！", "你好世界"),
        ("你 好 ， 世 界", "你好世界"),
        ("我用 ｉＰｈｏｎｅ 手机", "我用iphone手机"),
        ("看 hello world 吧", "看hello world吧"),
        ("３．５ 公里", "3.5公里"),
        ("人々 二〇〇八年", "人々二〇〇八年"),
        ("「他说：『好』。」", "他说好"),
        ("no han here", "no han here"),
    ],
)
def test_zh_1(text: str, expected: str) -> None:
    assert normalise(text, "zh-1") == expected


@pytest.mark.parametrize("version", VERSIONS)
@given(text=st.text())
def test_every_version_twice_is_once(version: str, text: str) -> None:
    once = normalise(text, version)
    assert normalise(once, version) == once
    assert once == normalise(once)  # each is plain-1 and more


@pytest.mark.parametrize("version", ["basic-1", "en-1", "zh-1"])
@given(text=st.text(alphabet="aB'’.,-&%$1 0\u0301，。你好·״׳_/ éǅ"))
def test_what_the_others_leave(version: str, text: str) -> None:
    """Signs that matter are dense here: at ends and beside each other they go, marks and letters never do."""
    once = normalise(text, version)
    assert normalise(once, version) == once
    assert not set(once) & set("-_/。，’")
    assert not once.startswith(("'", ".", ",")) and not once.endswith(("'", ".", ","))
    letters = [sign for sign in normalise(text) if unicodedata.category(sign)[0] in "LM"]
    if version != "en-1":  # which writes some out
        assert [sign for sign in once if unicodedata.category(sign)[0] in "LM"] == letters


@pytest.mark.parametrize("version", ["basic-1", "en-1", "zh-1"])
def test_every_character_comes_to_rest_in_every_version(version: str) -> None:
    for number in range(sys.maxunicode + 1):
        if unicodedata.category(chr(number)) in ("Cn", "Co", "Cs", "Lo", "So"):
            continue  # as above; and the many that no step looks at
        once = normalise(f"a{chr(number)}1{chr(number)}", version)
        assert normalise(once, version) == once, hex(number)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recipe_chooses_it(version: str) -> None:
    assert miniature.recipe(text=version).text == version
