"""Text as the recogniser sees it: one versioned normaliser for references, training texts and hypotheses.

The version is part of the recipe and of every model, because an error rate means nothing without it. A change
of what a version does would change old results: add a version instead. docs/text.md says when which is for what.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Literal, get_args

TextVersion = Literal["plain-1", "basic-1", "en-1", "zh-1"]  # of the normaliser
VERSIONS: tuple[TextVersion, ...] = get_args(TextVersion)

# Left and right single quotes, low-9 and reversed quotes, modifier letters, prime and the spacing accents
# that keyboards put in their place: all written for one apostrophe.
_APOSTROPHES = dict.fromkeys(map(ord, "‘’‚‛ʹʻʼʽˈ′`´＇"), "'")
# Not seen: zero-width space, non-joiner, joiner, word joiner, byte-order mark, soft hyphen.
_INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD), None)
# In Unicode these are punctuation, but they are read out as words.
_SPOKEN = frozenset("&%@#§‰‱٪¶")
# Part of a word where they stand between two letters: apostrophe, Catalan middle dot, Hebrew geresh and gershayim.
_WITHIN_WORDS = frozenset("'·׳״")
_WITHIN_NUMBERS = frozenset(".,٫٬")  # between two digits: 3.5 is not 35, nor 3 5
_HAN = (
    "\u3005\u3007"  # repetition mark, zero
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
_BESIDE_HAN = re.compile(f"(?<=[{_HAN}]) | (?=[{_HAN}])")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)(?![\d,])", re.ASCII)
_ENGLISH = {"&": "and", "%": "percent", "mr": "mister", "mrs": "missus", "ok": "okay"}


def normalise(text: str, version: str = "plain-1") -> str:
    """The text as it is trained on, recognised and scored. Applying it twice changes nothing.

    plain-1: typographic apostrophes become ', Unicode compatibility form NFKC, lower case, invisible format
    characters go, each run of white space becomes one space, none is left at the ends. Punctuation and digits
    stay: which of them a corpus has is for its reader to decide.

    basic-1, for any language: plain-1, and punctuation becomes a space. Apostrophes and other signs within a word
    stay, a point or comma between two digits stays, and so do signs that are read out as words (&, %, @, $, +).
    Accents and all other combining marks stay.

    en-1, for English: basic-1, commas of thousands go (1,000 is 1000), and what is written short but always said in
    one way is written as it is said: & and, % percent, mr mister, mrs missus, ok okay. Contractions stay, as they are
    other sounds; digits stay, as nobody knows how they were said.

    zh-1, for Chinese: basic-1, without spaces beside Han characters.

    Raises:
        ValueError: unknown version.
    """
    try:
        return _VERSIONS[version](text)
    except KeyError:
        raise ValueError(f"unknown text version {version!r}; known: {', '.join(sorted(_VERSIONS))}") from None


def _plain_1(text: str) -> str:
    # Apostrophes before NFKC, which would make a spacing acute a space and a combining mark. Lower case
    # can undo NFKC, and NFKC can bring new capitals and apostrophes, so all steps repeat until none changes
    # anything.
    while True:
        changed = text.translate(_APOSTROPHES).translate(_INVISIBLE)
        changed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", changed).lower())
        changed = " ".join(changed.split())
        if changed == text:
            return text
        text = changed


def _basic_1(text: str) -> str:
    return _settled(text, _without_punctuation)


def _en_1(text: str) -> str:
    return _settled(text, lambda plain: _as_said_in_english(_without_punctuation(plain)))


def _zh_1(text: str) -> str:
    return _settled(text, lambda plain: _BESIDE_HAN.sub("", _without_punctuation(plain)))


def _settled(text: str, change: Callable[[str], str]) -> str:
    """plain-1 and a change, again until nothing changes: what one step leaves may be more for another."""
    text = _plain_1(text)
    while True:
        changed = _plain_1(change(text))
        if changed == text:
            return text
        text = changed


def _without_punctuation(text: str) -> str:
    """Each sign becomes a space, so that no two words become one. Signs are judged by what stands beside them in the
    text as it was: of two within a word neither stays."""
    kept = []
    for place, sign in enumerate(text):
        if unicodedata.category(sign)[0] != "P" or sign in _SPOKEN or _belongs(text, place):
            kept.append(sign)
        else:
            kept.append(" ")
    return " ".join("".join(kept).split())


def _belongs(text: str, place: int) -> bool:
    """Whether the sign is part of a word or of a number."""
    sign, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if sign in _WITHIN_WORDS:
        return _is_in_word(before) and _is_in_word(after)
    return sign in _WITHIN_NUMBERS and _is_digit(before) and _is_digit(after)


def _is_in_word(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign)[0] in "LMN"


def _is_digit(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign) == "Nd"


def _as_said_in_english(text: str) -> str:
    text = _THOUSANDS.sub(lambda number: number[1].replace(",", ""), text)
    for sign in "&%":
        text = text.replace(sign, f" {_ENGLISH[sign]} ")
    return " ".join(_ENGLISH.get(word, word) for word in text.split())


_VERSIONS: dict[str, Callable[[str], str]] = {
    "plain-1": _plain_1,
    "basic-1": _basic_1,
    "en-1": _en_1,
    "zh-1": _zh_1,
}
assert set(_VERSIONS) == set(VERSIONS)
