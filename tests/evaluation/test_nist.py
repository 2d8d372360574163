"""Our numbers against those of NIST's own sclite and sc_stats, on the transcripts of two systems.

`sctk/` holds transcripts of two made-up systems and what sctk 2.4.10 printed for them, so that the numbers are
checked where sctk is not installed as well.
"""

import math
import random
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from asr.evaluation.mapsswe import aligned, mapsswe
from asr.evaluation.significance import Paired, mcnemar
from asr.scoring import count_errors, score

NIST = Path(__file__).parent / "sctk"

Rows = list[tuple[str, str, str, str]]  # utterance id (speaker-number), reference, first, second


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
        [*command, *arguments], cwd=folder, input=text.encode(), capture_output=True, check=True, timeout=200
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
