import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text import normalise


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
    with pytest.raises(ValueError, match=r"unknown text version 'plain-9'; known: plain-1"):
        normalise("a", "plain-9")
