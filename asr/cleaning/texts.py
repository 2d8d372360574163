"""Texts that cannot be what was said, or are not written as the others are."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from asr.text import normalise

MANY = 100  # texts, with fewer of which no character can be called rare
RARE = 1 / 2000  # share of the texts up to which a character hardly occurs (and in one text)
MAIN = 0.02  # share of the texts from which on a script is one of the corpus's own
USUAL = 0.5  # share of the texts from which on numbers are how the corpus writes
LARGE = 200  # letters from which on a script has always some that hardly occur: Han, Hangul
_MARKUP = re.compile(
    r"<[^<>\s][^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}|&(?:[a-z]+|#x?[0-9a-f]+);|https?://\S+|www\.\S+"
    r"|\*\*|__+|~~|\(\(|\)\)|\+\+\S+?\+\+",
    re.IGNORECASE,
)
_FAMILIES = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK", "IDEOGRAPHIC": "CJK"}
_ALIKE_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK"})
# Letters that look the same in most typefaces, as columns: Latin, Cyrillic, Greek; "." where there is none.
_ALIKE = (  # noqa: SIM905 - easier to read
    "aа. eе. oоο pр. cс. xх. yу. iі. jј. sѕ. hһ. vѵν qԛ. wԝ. "
    "AАΑ BВΒ EЕΕ KКΚ MМΜ HНΗ OОΟ PРΡ CС. TТΤ XХΧ YҮΥ IІΙ JЈ. SЅ. N.Ν Z.Ζ"
).split()
_COLUMNS = {"LATIN": 0, "CYRILLIC": 1, "GREEK": 2}


@dataclass(frozen=True)
class Complaint:
    """About one text."""

    kind: str
    found: str
    badness: float = 0.0
    mended: str | None = None  # the text as it should be, also without the faults that come before this one


class Writing:
    """How a corpus writes: its scripts, its characters, whether it has digits."""

    def __init__(self, texts: Sequence[str], version: str) -> None:
        """
        Args:
            version: of the normaliser, after which texts are looked at.
        """
        self._version = version
        self.count = 0
        self._texts_with: Counter[str] = Counter()  # a character
        scripts: Counter[str] = Counter()
        with_numbers = 0
        for text in texts:
            written = normalise(text, version)
            if written:
                self.count += 1
                there = set(written)
                self._texts_with.update(there)
                scripts.update({script_of(sign) for sign in there} - {""})
                with_numbers += any(map(_is_number, there))
        self.scripts = {name for name, count in scripts.items() if count >= max(2, MAIN * self.count)}
        self.main = scripts.most_common(1)[0][0] if scripts else ""
        self.has_numbers = with_numbers >= USUAL * max(1, self.count)
        letters = Counter(script_of(sign) for sign in self._texts_with)
        self._large = {name for name, count in letters.items() if count >= LARGE}

    def complaints(self, text: str) -> Iterator[Complaint]:
        """What is wrong with one of its texts."""
        written = normalise(text, self._version)
        if not written:
            yield Complaint("no-text", f"the text is {text!r}" if text else "the text is empty")
            return
        marked = _MARKUP.findall(text)
        if marked:
            yield Complaint("markup", f"{_listed(marked)} in {_shown(text)}", len(marked))
        numbers = re.findall(r"\S*\d\S*", written)
        if numbers and not self.has_numbers:
            yield Complaint("number", f"{_listed(numbers)} in {_shown(text)}", len(numbers))
        for check in (self._encoding, self._invisible, self._lookalikes):
            complaint = check(text)
            if complaint is not None:
                yield complaint
                text = text if complaint.mended is None else complaint.mended
        yield from self._odd(text)

    def _encoding(self, text: str) -> Complaint | None:
        if "\N{REPLACEMENT CHARACTER}" in text:
            return Complaint("encoding", f"what could not be decoded (U+FFFD) in {_shown(text)}", 2)
        again = decoded_again(text)
        if again is None:
            return None
        return Complaint("encoding", f"{_shown(text)} is {_shown(again)}, decoded wrongly", 1, again)

    def _invisible(self, text: str) -> Complaint | None:
        hidden = [sign for sign in text if _is_hidden(sign)]
        if not hidden:
            return None
        clean = "".join(" " if sign in "\v\f\x85" else sign for sign in text)
        clean = "".join(sign for sign in clean if not _is_hidden(sign))
        return Complaint("invisible", f"{_named(hidden)} in {_shown(text)}", len(hidden), clean)

    def _lookalikes(self, text: str) -> Complaint | None:
        mended = "".join(self._in_one_script(piece) for piece in re.split(r"(\W+)", text))
        if mended == text:
            return None
        changed = [f"{_named([a])} for {b}" for a, b in zip(text, mended, strict=True) if a != b]
        return Complaint("lookalike", f"{_listed(changed)} in {_shown(text)}", len(changed), mended)

    def _odd(self, text: str) -> Iterator[Complaint]:
        """Letters of other scripts, and characters that hardly occur."""
        written = normalise(text, self._version)
        foreign = [sign for sign in written if script_of(sign) not in self.scripts | {""}]
        if foreign and self.scripts:
            names = sorted({script_of(sign).title() for sign in foreign})
            yield Complaint("script", f"{' and '.join(names)} letters in {_shown(text)}", len(foreign))
        if self.count < MANY or _MARKUP.search(text):
            return
        most = max(1, RARE * self.count)
        odd = [
            sign
            for sign in dict.fromkeys(written)
            if self._texts_with[sign] <= most
            and sign != "\N{REPLACEMENT CHARACTER}"
            and not _is_number(sign)
            and not _is_hidden(sign)
            and script_of(sign) not in self._large
            and (script_of(sign) in self.scripts or not sign.isalpha())
        ]
        if odd:
            seen = f"in {int(most)} of {self.count} texts at most"
            yield Complaint("character", f"{_named(odd)} in {_shown(text)}, {seen}", len(odd))

    def _in_one_script(self, word: str) -> str:
        """The word with letters of another script replaced by those of the main one, if all of them look alike."""
        scripts = {script_of(sign) for sign in word} - {""}
        if self.main not in _COLUMNS or not scripts <= _ALIKE_SCRIPTS or scripts <= {self.main}:
            return word
        if (
            self.main not in scripts and scripts <= self.scripts
        ):  # a whole word of a script that the corpus has, too
            return word
        signs = [sign if script_of(sign) in ("", self.main) else _twin(sign, self.main) for sign in word]
        return word if None in signs else "".join(sign for sign in signs if sign)


def decoded_again(text: str) -> str | None:
    """The text, if it is UTF-8 that was read as Windows-1252 (or Latin-1); else None."""
    if text.isascii():
        return None
    for encoding in ("cp1252", "latin-1"):
        try:
            again = text.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        return again
    return None


@cache
def script_of(sign: str) -> str:
    """The first word of a letter's name, for nearly all of them that of its script; "" for what is no letter."""
    if unicodedata.category(sign)[0] != "L":
        return ""
    name = unicodedata.name(sign, "").partition(" ")[0]
    if name in ("MODIFIER", "FEMININE", "MASCULINE", "MICRO"):
        return ""
    return _FAMILIES.get(name, name)


def _twin(sign: str, script: str) -> str | None:
    for row in _ALIKE:
        if sign in row and row[_COLUMNS[script]] != ".":
            return row[_COLUMNS[script]]
    return None


@cache
def _is_hidden(sign: str) -> bool:
    """Control characters, what has no width, and places that Unicode leaves to others. The joiners are letters of many
    scripts; line ends and tabs are white space."""
    if sign in "\t\n\r \u200c\u200d":
        return False
    return unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cn", "Cs")


@cache
def _is_number(sign: str) -> bool:
    return unicodedata.category(sign) in ("Nd", "No")


def _named(signs: Sequence[str]) -> str:
    names = []
    for sign, count in Counter(signs).items():
        name = unicodedata.name(sign, "without a name").lower()
        visible = f"{sign} " if sign.isprintable() else ""
        names.append(f"{visible}U+{ord(sign):04X} {name}" + f" ({count} times)" * (count > 1))
    return _listed(names)


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - 4} more" if len(items) > 4 else ""
    return ", ".join(items[:4]) + more


def _shown(text: str) -> str:
    return "“" + (text if len(text) <= 60 else f"{text[:57]}...") + "”"
