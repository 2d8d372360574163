"""The matched-pair test against hand-worked values, another algorithm, and NIST's own sclite and sc_stats.

`sctk/` holds transcripts of two made-up systems and what sctk 2.4.10 printed for them, so that the numbers are
checked where sctk is not installed as well.
"""

import math
import random
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.evaluation.mapsswe import aligned, mapsswe, segments_of
from asr.evaluation.significance import Paired, mcnemar
from asr.scoring import count_errors, score

NIST = Path(__file__).parent / "sctk"

texts = st.lists(st.sampled_from("abc"), max_size=7)
Rows = list[tuple[str, str, str, str]]  # utterance id (speaker-number), reference, first, second


@cache
def least_charge(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> int:
    """By recursion over all alignments."""
    if not reference or not hypothesis:
        return 3 * (len(reference) + len(hypothesis))
    pair = 0 if reference[0] == hypothesis[0] else 4
    return min(
        least_charge(reference[1:], hypothesis[1:]) + pair,
        least_charge(reference[1:], hypothesis) + 3,
        least_charge(reference, hypothesis[1:]) + 3,
    )


@given(texts, texts)
def test_alignment_is_the_cheapest(reference: list[str], hypothesis: list[str]) -> None:
    alignment = aligned(reference, hypothesis)
    insertions, wrong = sum(alignment.inserted), sum(alignment.wrong)
    deletions = len(reference) + insertions - len(hypothesis)
    charge = 3 * insertions + 3 * deletions + 4 * (wrong - deletions)
    assert charge == least_charge(tuple(reference), tuple(hypothesis))
    assert 0 <= deletions <= wrong


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wrong", "inserted"),
    [
        ("a b c", "a b c", "...", "0000"),
        ("a b c", "a x c", ".x.", "0000"),
        ("a b c", "a c", ".x.", "0000"),
        ("a b c", "a b x c", "...", "0010"),
        ("a b", "x a b y z", "...", "102"),
        ("", "a b", "", "2"),
        ("a b", "", "xx", "000"),
        ("a b", "b c", "x.", "001"),  # 6 for a deletion and an insertion, 8 for two substitutions
        (
            "a b",
            "b a",
            "x.",
            "001",
        ),  # as cheap as an insertion, a and a deletion: sclite inserts as late as it can
        # 18 for three deletions and three insertions around two right words, 20 for five substitutions.
        ("c d e a b", "a b f g h", "xxx..", "000003"),
    ],
)
def test_alignment_by_hand(reference: str, hypothesis: str, wrong: str, inserted: str) -> None:
    alignment = aligned(reference.split(), hypothesis.split())
    assert alignment.wrong == tuple(mark == "x" for mark in wrong[: len(reference.split())])
    assert alignment.inserted == tuple(map(int, inserted))


@pytest.mark.parametrize(
    ("reference", "first", "second", "segments"),
    [
        ("a b c d e", "a b c d e", "a b c d e", []),
        ("a b c d e", "x b c d e", "a b c d x", [(1, 0), (0, 1)]),
        ("a b c d e", "a x c d e", "a b c x e", [(1, 1)]),  # one right word in between is too few
        ("a b c d e f", "a x c d e f", "a b c d x f", [(1, 0), (0, 1)]),  # two are enough
        ("a b c d", "a b y c d", "a b c d", [(1, 0)]),
        ("a b c d", "a x b y c d", "a b c d", [(2, 0)]),  # b alone, between two insertions, is too few
        ("a b c d", "a x b c y d", "a b c d z", [(1, 0), (1, 1)]),
        ("a b c d", "a b c d", "a b c d z", [(0, 1)]),  # after the last word
        ("a b c d", "x b c d", "a b c d z", [(1, 0), (0, 1)]),
        ("", "y", "", [(1, 0)]),
        ("a b", "", "", [(2, 2)]),
    ],
)
def test_segments_by_hand(reference: str, first: str, second: str, segments: list[tuple[int, int]]) -> None:
    assert segments_of(reference.split(), first.split(), second.split()) == segments


@given(texts, texts, texts)
def test_segments_are_what_is_left_between_two_right_words(
    reference: list[str], first: list[str], second: list[str]
) -> None:
    """Cut by a regular expression: o is a word that both have right, x anything that one has wrong."""
    one, other = aligned(reference, first), aligned(reference, second)
    marks, errors = "", []
    for place in range(len(reference) + 1):
        steps = [(one.inserted[place], other.inserted[place])]
        if place < len(reference):
            steps.append((int(one.wrong[place]), int(other.wrong[place])))
        for step, is_word in zip(steps, (False, True), strict=False):
            if any(step) or is_word:
                marks += "x" if any(step) else "o"
                errors.append(step)
    expected = []
    for part in re.finditer(r"x(?:o?x)*", marks):
        inside = errors[part.start() : part.end()]
        expected.append((sum(a for a, _ in inside), sum(b for _, b in inside)))
    assert segments_of(reference, first, second) == expected
    assert sum(a for a, _ in expected) == one.errors
    assert sum(b for _, b in expected) == other.errors


def test_by_hand() -> None:
    # Errors (first, second) of the segments: (1, 0), (0, 1), (0, 2), (1, 1). Differences -1, 1, 2, 0: mean 1/2,
    # squares about it 9/4 + 1/4 + 9/4 + 1/4 = 5, deviation sqrt(5/3), standard error sqrt(5/12).
    result = mapsswe(
        [
            ("a b c d e", "x b c d e", "a b c d x"),
            ("a b", "a b", ""),
            ("a b c d", "a x c d", "a b y c d"),
            ("a b c", "a b c", "a b c"),
        ]
    )
    assert (result.segments, result.first_errors, result.second_errors) == (4, 2, 4)
    assert result.difference == 0.5
    assert result.deviation == pytest.approx(math.sqrt(5 / 3))
    assert result.z == pytest.approx(0.5 / math.sqrt(5 / 12))
    assert result.p == pytest.approx(0.4385780)  # 2 Phi(-0.7745967)


def test_no_error_anywhere() -> None:
    for triples in ([], [("a b", "a b", "a b")] * 9):
        result = mapsswe(triples)
        assert (result.segments, result.difference, result.deviation, result.z, result.p) == (0, 0, 0, 0, 1)


@pytest.mark.parametrize(("segments", "p"), [(1, 1.0), (2, 0.5), (3, 0.25), (7, 1 / 64), (5000, 0.0)])
def test_the_same_difference_in_every_segment(segments: int, p: float) -> None:
    """No deviation to divide by: the sign test, in place of a z of infinity, or of sc_stats' 0."""
    result = mapsswe([("a", "a", "b")] * segments)
    assert (result.difference, result.deviation) == (1.0, 0.0)
    assert result.p == pytest.approx(p)
    assert 0 <= result.z < 40


def test_the_same_errors_in_every_segment() -> None:
    result = mapsswe([("a", "b", "b")] * 7)
    assert (result.segments, result.difference, result.z, result.p) == (7, 0, 0, 1)


@given(st.lists(st.tuples(texts, texts, texts), max_size=12))
def test_systems_may_be_swapped_and_utterances_reordered(triples: list[tuple[list[str], ...]]) -> None:
    there = [tuple(map(" ".join, triple)) for triple in triples]
    result = mapsswe([(reference, first, second) for reference, first, second in there])
    swapped = mapsswe([(reference, second, first) for reference, first, second in reversed(there)])
    assert (swapped.segments, swapped.deviation, swapped.p) == (result.segments, result.deviation, result.p)
    assert (swapped.difference, swapped.z) == (-result.difference, -result.z)
    assert (swapped.first_errors, swapped.second_errors) == (result.second_errors, result.first_errors)
    assert 0 <= result.p <= 1


def read(folder: Path) -> Rows:
    """Transcripts in NIST's trn format: words, then the id in parentheses."""
    found: dict[str, list[str]] = {}
    for name in ("reference", "first", "second"):
        for line in (folder / f"{name}.trn").read_text(encoding="utf-8").splitlines():
            text, _, place = line.rpartition("(")
            found.setdefault(place.rstrip(")"), []).append(text.strip())
    return [(name, *three) for name, three in found.items()]


def write(folder: Path, rows: Rows) -> None:
    for column, name in enumerate(("reference", "first", "second"), 1):
        lines = [f"{row[column]} ({row[0]})\n".lstrip() for row in rows]
        (folder / f"{name}.trn").write_text("".join(lines), encoding="utf-8")


@dataclass(frozen=True)
class Printed:
    """What sclite and sc_stats print, rounded as they round."""

    segments: int
    mean: float  # first minus second
    deviation: float
    z: float
    p: float  # 0.001 for less
    both_right: int
    mcnemar: tuple[int, int]  # wrong in the first alone, in the second alone
    mcnemar_p: float
    words: int
    errors: tuple[int, int]

    @classmethod
    def parse(cls, text: str) -> "Printed":
        number = r"\s*(-?[\d.]+)"
        pattern = rf"MTCH_PR.*# segs:{number}\).*mean:{number}\) \(std dev:{number}\) \(Z Stat:{number}\)"
        matched = re.search(pattern, text)
        p, mcnemar_p = (
            re.search(rf"\|\s+{test}\s+\|\|.*?[~\w]\s+<?([01]\.\d+)", text) for test in ("MP", "MN")
        )
        # The table of sentences is the last one: with -v there is one of segments before it.
        right = re.findall(r"corr\s+(\d+)\s+(\d+)\n\s+incorr\s+(\d+)\s+\d+", text)[-1]
        sums = re.findall(r"\| Sum +\| +\d+ +(\d+) \|(?: +\d+){4} +(\d+)", text)
        assert matched and p and mcnemar_p and len(sums) == 2, text
        return cls(
            segments=int(matched[1]),
            mean=float(matched[2]),
            deviation=float(matched[3]),
            z=float(matched[4]),
            p=float(p[1]),
            both_right=int(right[0]),
            mcnemar=(int(right[2]), int(right[1])),
            mcnemar_p=float(mcnemar_p[1]),
            words=int(sums[0][0]),
            errors=(int(sums[0][1]), int(sums[1][1])),
        )


def check(rows: Rows, printed: Printed) -> None:
    """Our numbers are NIST's, in every digit that it prints."""
    result = mapsswe([row[1:] for row in rows])
    assert (result.first_errors, result.second_errors) == printed.errors
    assert result.segments == printed.segments
    assert -result.difference == pytest.approx(printed.mean, abs=0.00051)
    assert result.deviation == pytest.approx(printed.deviation, abs=0.00051)
    assert -result.z == pytest.approx(printed.z, abs=0.00051)
    # sc_stats looks p up in a table of z in steps of 0.01, without interpolation.
    in_the_table = math.erfc(math.floor(abs(result.z) * 100) / 100 / math.sqrt(2))
    assert max(in_the_table, 0.001) == pytest.approx(printed.p, abs=0.00051)
    assert result.p == pytest.approx(printed.p, abs=0.009)

    sentences = mcnemar(paired(rows))
    assert (sentences.first_only, sentences.second_only) == printed.mcnemar
    assert sum(reference == first == second for _, reference, first, second in rows) == printed.both_right
    # Above 20 such sentences sc_stats approximates, wrongly: github.com/usnistgov/SCTK/pull/46.
    if sum(printed.mcnemar) <= 20:
        assert max(sentences.p, 0.001) == pytest.approx(printed.mcnemar_p, abs=0.00051)


def paired(rows: Rows) -> Paired:
    """With the least errors, as the project counts them."""
    counts = [[count_errors(row[1], row[column]) for row in rows] for column in (2, 3)]
    words = [each.reference_length for each in counts[0]]
    first, second = ([each.errors for each in column] for column in counts)
    names = tuple(row[0] for row in rows)
    speakers = tuple(name.partition("-")[0] for name in names)
    return Paired(names, speakers, np.array(words), np.array(first), np.array(second))


def test_what_sc_stats_printed_for_the_fixture() -> None:
    rows, printed = read(NIST), Printed.parse((NIST / "printed.txt").read_text(encoding="utf-8"))
    check(rows, printed)
    assert (printed.segments, printed.z, printed.p) == (35, -2.227, 0.026)
    assert (printed.mcnemar, printed.mcnemar_p) == ((5, 14), 0.064)
    for column, errors in enumerate(printed.errors, 2):
        ours = score([(row[1], row[column]) for row in rows], bootstrap=1).words
        assert (ours.reference_length, ours.errors) == (printed.words, errors)


def nist(program: str, *arguments: str, folder: Path, text: str = "") -> str:
    """What a program of sctk prints; Debian has them behind one command."""
    command = [program] if shutil.which(program) else ["sctk", program]
    if not shutil.which(command[0]):
        pytest.skip(f"needs NIST's {program}, which is not installed: Debian package sctk")
    done = subprocess.run(
        [*command, *arguments], cwd=folder, input=text.encode(), capture_output=True, check=True, timeout=60
    )
    return done.stdout.decode("latin-1")  # sc_stats prints bytes of uninitialised memory now and then


def live(folder: Path, rows: Rows) -> tuple[Printed, str]:
    """The numbers, and sclite's alignments."""
    write(folder, rows)
    options = ["-r", "reference.trn", "trn", "-i", "spu_id", "-s"]
    text, alignments = "", ""
    for name in ("first", "second"):
        hypothesis = ["-h", f"{name}.trn", "trn", name]
        text += nist("sclite", *options, *hypothesis, "-o", "rsum", "stdout", folder=folder)
        nist("sclite", *options, *hypothesis, "-o", "sgml", folder=folder)
        alignments += (folder / f"{name}.trn.sgml").read_text(encoding="utf-8")
    for detail in ("-v", "-u"):
        arguments = ["-p", "-t", "mapsswe", "mcn", detail, "-n", "-"]
        text += nist("sc_stats", *arguments, folder=folder, text=alignments)
    return Printed.parse(text), alignments


def check_alignments(rows: Rows, alignments: str) -> None:
    """Every utterance is aligned as sclite aligns it: C, S, D and I, in order."""
    found = re.findall(r'<PATH id="\((.*?)\)".*?>\n(.*?)\n?</PATH>', alignments, re.DOTALL)
    paths = [[(name, path) for name, path in found[start : start + len(rows)]] for start in (0, len(rows))]
    for column, system in enumerate(paths, 2):
        by_id = {name: [event[0] for event in path.split(":") if event] for name, path in system}
        for row in rows:
            alignment = aligned(row[1].split(), row[column].split())
            wrong, inserted = [], [0]
            for event in by_id[row[0]]:
                if event == "I":
                    inserted[-1] += 1
                else:
                    wrong.append(event != "C")
                    inserted.append(0)
            assert (alignment.wrong, alignment.inserted) == (tuple(wrong), tuple(inserted)), row


def test_the_fixture_holds_what_sc_stats_prints(tmp_path: Path) -> None:
    rows = read(NIST)
    printed, alignments = live(tmp_path, rows)
    assert printed == Printed.parse((NIST / "printed.txt").read_text(encoding="utf-8"))
    check_alignments(rows, alignments)


def heard(words: list[str], vocabulary: str, rate: float, chance: random.Random) -> list[str]:
    """A hypothesis: each word deleted, substituted or followed by an insertion with a third of the rate."""
    found = []
    for word in words:
        drawn = chance.random() / rate
        if 1 / 3 <= drawn < 2 / 3:
            found.append(chance.choice(vocabulary))
        elif drawn >= 1 / 3:
            found.append(word)
        if 2 / 3 <= drawn < 1:
            found.append(chance.choice(vocabulary))
    return found


def two_systems(seed: int) -> Rows:
    """60 utterances of 5 speakers. With few different words, many alignments are as cheap as the best."""
    chance = random.Random(seed)
    vocabulary = "abcdefghijkl"[: chance.choice([2, 4, 12])]
    rate, length = chance.choice([0.1, 0.3, 0.6]), chance.choice([3, 8, 20])
    rows = []
    for number in range(60):
        words = [chance.choice(vocabulary) for _ in range(chance.randint(1, length))]
        texts = (words, *(heard(words, vocabulary, rate, chance) for _ in range(2)))
        rows.append((f"s{number % 5}-{number:02d}", *map(" ".join, texts)))
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_against_sclite_and_sc_stats(seed: int, tmp_path: Path) -> None:
    rows = two_systems(seed)
    printed, alignments = live(tmp_path, rows)
    check_alignments(rows, alignments)
    check(rows, printed)
    for column, errors in enumerate(printed.errors, 2):
        ours = score([(row[1], row[column]) for row in rows], bootstrap=1).words
        assert ours.reference_length == printed.words
        assert (
            ours.errors <= errors
        )  # ours are the least possible; sclite's weights now and then take one more


@pytest.mark.slow
def test_against_sclite_and_sc_stats_at_length(tmp_path: Path) -> None:
    for seed in range(100, 250):
        rows = two_systems(seed)
        printed, alignments = live(tmp_path, rows)
        check_alignments(rows, alignments)
        check(rows, printed)


def test_sclite_may_count_an_error_more_than_there_are(tmp_path: Path) -> None:
    """Five substitutions cost it more than three deletions, three insertions and two right words."""
    rows = [("s-1", "c d e a b", "a b f g h", "c d e a b"), ("s-2", "a b c", "a b c", "a c")]
    printed, alignments = live(tmp_path, rows)
    check_alignments(rows, alignments)
    assert printed.errors == (6, 1)
    assert score([row[1:3] for row in rows], bootstrap=1).words.errors == 5
