"""`asr lm` as a user meets it."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.cli.main import main

Complaint = Callable[..., str]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("a b\nA\n", encoding="utf-8")
    return path


@pytest.fixture
def model(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Whose probabilities test_kneser_ney.py works out by hand."""
    assert main(["lm", "train", str(text), "-o", str(tmp_path / "model.arpa"), "--order", "2"]) == 0
    capsys.readouterr()
    return tmp_path / "model.arpa"


def test_train_says_what_it_made(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model.arpa"
    assert main(["lm", "train", str(text), "-o", str(out), "--order", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"{out}: 2-gram of words, 0.0 MB",
        "  text         2 sentences, 3 words",
        "  1-grams      5; discounts 0.500, 1.000, 1.500 (fallback)",
        "  2-grams      4; discounts 0.500, 1.000, 1.500 (fallback)",
    ]
    assert printed.err.startswith("asr: the text is too small or too even to estimate some discounts")


def test_train_in_classes(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One class of a and b: <s> c, c c, c </s> are written out as 2, 4 and 2 n-grams."""
    out = tmp_path / "model.arpa"
    assert main(["lm", "train", str(text), "-o", str(out), "--order", "2", "--classes", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  classes      1, written out in words; discounts are those of classes",
        "  1-grams      5; discounts 0.500, 1.000, 1.500 (fallback)",
        "  2-grams      8; discounts 0.500, 1.000, 1.500 (fallback)",
    ]


def test_train_for_programs(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model.arpa"
    assert main(["lm", "train", str(text), "-o", str(out), "--unit", "character", "--json"]) == 0
    printed = capsys.readouterr().out
    assert printed == out.with_name("model.arpa.json").read_text(encoding="utf-8")
    assert json.loads(printed)["unit"] == "character"


def test_score(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.txt"
    other.write_text("A b\na c\n", encoding="utf-8")
    assert main(["lm", "score", str(model), str(other)]) == 0
    # p = 0.625, 0.375, 0.6875; 0.625, 0.0625, then </s> after the unknown word: 0.375
    expected, known = (
        (0.625 * 0.375 * 0.6875 * 0.625 * 0.0625 * 0.375) ** (-1 / 6),
        (0.625 * 0.375 * 0.6875 * 0.625 * 0.375) ** (-1 / 5),
    )
    assert capsys.readouterr().out.splitlines() == [
        "sentences            2",
        "tokens               6 (4 words and the ends of sentences)",
        "out of vocabulary    1 (25.00% of words)",
        f"perplexity           {expected:.2f} (those as <unk>)",
        f"perplexity without   {known:.2f}",
    ]


def test_score_of_each_sentence(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"a b\n\nc\n"))))
    assert main(["lm", "score", str(model), "-", "--sentences"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{-0.7928:.4f}\t2\t0\t1.84\ta b"
    assert lines[1].endswith("\tc")
    assert lines[2].startswith("sentences")


def test_score_for_programs(model: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "score", str(model), str(text), "--json"]) == 0
    total = json.loads(capsys.readouterr().out)
    assert main(["lm", "score", str(model), str(text), "--json", "--sentences"]) == 0
    each = json.loads(capsys.readouterr().out).pop("each")
    assert {key: total[key] for key in ("sentences", "words", "unknown", "unit")} == {
        "sentences": 2, "words": 3, "unknown": 0, "unit": "word",
    }  # fmt: skip
    assert [line["sentence"] for line in each] == ["a b", "a"]
    assert sum(line["log10"] for line in each) == pytest.approx(total["log10"])
    assert total["perplexity"] == total["perplexity_known"] == pytest.approx(10 ** (-total["log10"] / 5))


def test_score_knows_from_beside_the_model_that_it_is_of_characters(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "model.arpa")
    assert main(["lm", "train", str(text), "-o", out, "--unit", "character"]) == 0
    capsys.readouterr()
    assert main(["lm", "score", out, str(text), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == 4  # a, space, b; a
    assert main(["lm", "score", out, str(text), "--json", "--unit", "word"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == 3


def test_a_model_without_unk(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arpa = tmp_path / "other.arpa"
    arpa.write_text(
        "\\data\\\nngram 1=3\n\n\\1-grams:\n-99 <s>\n-0.3 </s>\n-0.3 a\n\n\\end\\\n", encoding="utf-8"
    )
    assert main(["lm", "score", str(arpa), str(text)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "perplexity           undefined: the model has no <unk> (those as <unk>)"
    assert lines[4] == f"perplexity without   {10**0.3:.2f}"
    assert main(["lm", "score", str(arpa), str(text), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["perplexity"] is None


def test_as_a_process_with_a_pipe(tmp_path: Path) -> None:
    out = tmp_path / "model.arpa"
    line = [sys.executable, "-m", "asr.cli.main", "lm", "train", "-", "-o", str(out)]
    done = subprocess.run(line, input=b"one two\n", capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert out.is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "the text is too small or too even for the discounts of 1-grams"),
        (
            ("--order", "5"),
            "the text has no 5-grams: its longest sentence has 2 words; use --order 4 or less",
        ),
        (("--order", "0"), "the order must be 1 or more, got 0"),
        (("--prune", "1"), "the first threshold must be 0, got 1"),
        (("--prune", "0", "2", "1"), "thresholds must not fall"),
        (("--prune-entropy", "-1"), "must be 0 or more, got -1.0"),
        (("--vocabulary", "no/such"), "no/such: cannot be read"),
        (("--classes", "-1"), "classes are of words, 1 or more of them, got -1 of words"),
        (("--classes", "2", "--unit", "character"), "got 2 of characters"),
    ],
)
def test_mistakes_in_training(words: tuple[str, ...], message: str, text: Path, complaint: Complaint) -> None:
    out = text.parent / "model.arpa"
    assert message in complaint("lm", "train", text, "-o", out, "--no-discount-fallback", *words)
    assert not out.exists()


def test_discounts_that_cannot_be(text: Path, complaint: Complaint) -> None:
    said = complaint("lm", "train", text, "-o", text.parent / "x", "--discount-fallback", "2", "1", "1")
    assert "discounts must be within 0 < D1 <= 1" in said


def test_mistakes_in_scoring(model: Path, text: Path, tmp_path: Path, complaint: Complaint) -> None:
    assert "none.arpa: cannot be read: No such file" in complaint("lm", "score", tmp_path / "none.arpa", text)
    assert "none.txt: cannot be read: No such file" in complaint("lm", "score", model, tmp_path / "none.txt")
    assert "text.txt: no line \\data\\: not an ARPA file" in complaint("lm", "score", text, text)
    model.write_text(model.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "describes another file than model.arpa" in complaint("lm", "score", model, text)


def test_an_action_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["lm"])
    assert stop.value.code == 2
    assert "the following arguments are required: ACTION" in capsys.readouterr().err
