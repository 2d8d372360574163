"""Figures in what a system has written, read out: "1" beside "one", "1950" beside "nineteen fifty".

Some systems write numbers as words, others in figures, and a figure does not tell how it was said. So it is read in
the usual ways, and the way counts that is nearest to what was said, as in the alternatives of NIST's scoring.
"""

import re
from collections.abc import Sequence
from typing import Literal

from asr.errors import CorpusError

FigureVersion = Literal["as-written", "en-1"]
LONGEST = 12  # digits that are read as one number; longer ones are read digit by digit

_FIGURE = re.compile(r"(\d+)(st|nd|rd|th|s)?", re.ASCII)
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def read_out(reference: str, hypothesis: str, version: FigureVersion) -> str:
    """The hypothesis, both texts being normalised, with its figures in words.

    as-written: as it is.

    en-1, for English: each word that is a whole number in ASCII digits (also 21st, 1950s) is read as a number (with
    and without "and" after hundreds), digit by digit (0 as zero, oh or o), and in pairs of digits (1950 nineteen
    fifty, 175 one seventy five, 1905 nineteen oh five). Of all ways to read all figures, one is taken that leaves the
    fewest errors in words: the shortest path through the lattice of readings.
    """
    words = hypothesis.split()
    ways = [readings(word) for word in words]
    if version == "as-written" or ways == [[word] for word in words]:
        return hypothesis
    said = reference.split()
    # The fewest, of all that was read so far, to each beginning of the reference.
    errors = list(range(len(said) + 1))
    # For each word and beginning: the way, and the beginning before it.
    steps: list[list[tuple[int, int]]] = []
    for each in ways:
        rows = [_read_on(errors, said, way.split()) for way in each]
        best = [
            min((row[place][0], way, row[place][1]) for way, row in enumerate(rows))
            for place in range(len(errors))
        ]
        errors = [count for count, _, _ in best]
        steps.append([(way, before) for _, way, before in best])
    chosen, place = [], len(said)
    for each, step in zip(reversed(ways), reversed(steps), strict=True):
        way, place = step[place]
        chosen.append(each[way])
    return " ".join(reversed(chosen))


def _read_on(errors: Sequence[int], said: Sequence[str], words: Sequence[str]) -> list[tuple[int, int]]:
    """For each beginning of the reference: the fewest errors with these words read as well, and at which beginning
    they were begun."""
    row = [(count, place) for place, count in enumerate(errors)]
    for word in words:
        above = row
        row = [(above[0][0] + 1, above[0][1])]
        for place, other in enumerate(said):
            count, begun = above[place]
            inserted, deleted = above[place + 1], row[place]
            row.append(
                min(
                    (count + (word != other), begun),
                    (inserted[0] + 1, inserted[1]),
                    (deleted[0] + 1, deleted[1]),
                )
            )
    return row


def check_reference(reference: str, version: FigureVersion, where: str) -> None:
    """Raises CorpusError where figures are to be read out and the reference itself has some: nobody knows how."""
    if version == "as-written":
        return
    found = [word for word in reference.split() if _FIGURE.fullmatch(word)]
    if found:
        raise CorpusError(
            f'{where}: its text has the figure {found[0]!r}; figures = "{version}" needs texts that are written out as '
            f'they are said; set figures = "as-written"'
        )


def readings(word: str) -> list[str]:
    """Ways to say it, each once; of what is no figure the word itself."""
    found = _FIGURE.fullmatch(word)
    if found is None:
        return [word]
    digits, ending = found.groups()
    ways = [*_cardinals(digits), *_paired(digits), *_single(digits)]
    if ending == "s":
        ways = [_plural(way) for way in ways]
    elif ending:
        ways = [_ordinal(way) for way in ways]
    return list(dict.fromkeys(ways))


def _cardinals(digits: str) -> list[str]:
    """With and without "and"; none of long ones and of those that begin with zero."""
    if len(digits) > LONGEST or (digits[0] == "0" and len(digits) > 1):
        return []
    number = int(digits)
    plain = _cardinal(number, "")
    return [plain, _cardinal(number, "and ")] if number > 100 else [plain]


def _cardinal(number: int, link: str) -> str:
    if number < 100:
        return _below_hundred(number)
    for scale, name in (*_SCALES, (100, "hundred")):
        if number >= scale:
            first = f"{_cardinal(number // scale, link)} {name}"
            rest = number % scale
            if not rest:
                return first
            linked = link if scale == 100 or rest < 100 else ""
            return f"{first} {linked}{_cardinal(rest, link)}"
    raise AssertionError(number)


def _below_hundred(number: int) -> str:
    if number < 20:
        return _ONES[number]
    ones = number % 10
    return _TENS[number // 10] + (f" {_ONES[ones]}" if ones else "")


def _paired(digits: str) -> list[str]:
    """19 50; of an odd number of digits the first is alone. 00 is hundred, 05 oh five."""
    if not 3 <= len(digits) <= LONGEST:
        return []
    head = len(digits) % 2
    pairs = [digits[place : place + 2] for place in range(head, len(digits), 2)]
    start = [_ONES[int(digits[0])]] if head else []
    if not head and digits[0] == "0":
        return []
    said = []
    for pair in pairs:
        if pair == "00":
            said.append("hundred")
        elif pair[0] == "0":
            said.append(f"oh {_ONES[int(pair[1])]}")
        else:
            said.append(_below_hundred(int(pair)))
    return [" ".join((*start, *said))]


def _single(digits: str) -> list[str]:
    return [
        " ".join(zero if digit == "0" else _ONES[int(digit)] for digit in digits)
        for zero in ("zero", "oh", "o")
    ]


def _ordinal(way: str) -> str:
    *first, last = way.split()
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = f"{last[:-1]}ieth"
    else:
        last = f"{last}th"
    return " ".join((*first, last))


def _plural(way: str) -> str:
    return f"{way[:-1]}ies" if way.endswith("y") else f"{way}es" if way.endswith("x") else f"{way}s"
