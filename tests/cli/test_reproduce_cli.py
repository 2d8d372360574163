"""`asr reproduce` as a user meets it: a verdict with its exit status, for people and as JSON, from a real run."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import by_hand
import pytest
from by_hand import FEW, MANY, claims, moved, other_bits, record, with_part
from reproducing import KEPT

from asr.claims import reproduce
from asr.cli.main import main
from asr.runs.options import RunOptions
from asr.runs.record import Record, read_record

Files = Callable[..., list[Path]]


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    """Records made by hand are of other machines; what is pinned for them must not stay."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def rows(text: str) -> dict[str, list[str]]:
    """A table by its first column."""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]
    return {line[0]: line[1:] for line in lines if line}


def test_bit_identical(
    again: list[str], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(again) == 0
    out, error = capsys.readouterr()
    kept = read_record(home / "run")
    assert kept.model is not None
    table = rows(out)
    assert table["weights"] == [kept.model.weights_digest[:16]] * 2
    assert table["steps"] == ["9", "9"]
    assert table["test WER"] == [f"{kept.results['test'].wer:.2%}"] * 2
    assert f"the new run: {tmp_path / 'again'}; steps computed now: 9\n" in out
    verdict = "verdict: bit-identical: all 9 steps, the weights and every transcript are the same"
    assert out.splitlines()[-1] == verdict  # where one looks first
    assert "epoch   3/3" in error
    assert not [line for line in error.splitlines() if line.startswith("asr: ")]
    # A second time it is only read, and says so.
    assert main(again) == 0
    out, _ = capsys.readouterr()
    assert (
        "; steps computed now: none, it is what an earlier command has left; --fresh computes it again\n"
        in out
    )
    assert main([*again, "--json"]) == 0
    out, error = capsys.readouterr()
    tree = json.loads(out)
    assert (tree["verdict"]["name"], tree["verdict"]["exit_status"], tree["changes"]) == (
        "bit-identical",
        0,
        [],
    )
    assert (tree["recipe"], tree["seed"], tree["computed_steps"]) == ("miniature", 1, 0)
    assert "nothing is computed again; --fresh does" in error
    assert "epoch" not in error


def test_command_in_the_record_names_no_place(again: list[str], tmp_path: Path) -> None:
    assert main([*again, "--steps", "0:1"]) == 0
    assert read_record(tmp_path / "again").command == "asr reproduce run"
    text = (tmp_path / "again" / "record.json").read_text() + (
        tmp_path / "again" / "verdict.json"
    ).read_text()
    assert str(tmp_path) not in text


# Each of the six, with the record that comes out of the new run.
SIX = [
    ((record(), record()), 0, "bit-identical: all 12 steps, the weights and every transcript are the same"),
    (
        claims(FEW, FEW, texts=""),
        0,
        "same transcripts: every test transcript is the same, though the trainings part",
    ),
    (
        claims(MANY, moved(MANY, 20)),
        0,
        "equivalent within ±1.00% of WER: WER 10.00% and 10.00%, difference +0.00%",
    ),
    (claims(FEW, [2] * 12), 3, "different: WER 10.00% and 20.00%, difference +10.00% (90 % interval "),
    (
        claims(FEW, moved(FEW, 2, 1)),
        4,
        "inconclusive: WER 10.00% and 10.83%, difference +0.83% (90 % interval ",
    ),
    (
        (record(), with_part(record(), "test", digest="e" * 64)),
        5,
        "not comparable: the test parts are not the same",
    ),
]


@pytest.mark.parametrize(
    ("records", "status", "says"), SIX, ids=[says.partition(":")[0] for _, _, says in SIX]
)
@pytest.mark.parametrize("option", [[], ["--json"]], ids=["people", "programs"])
def test_each_verdict_has_its_exit_status(
    records: Sequence[Record],
    status: int,
    says: str,
    option: list[str],
    files: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is trained here: the new run is one made by hand."""

    def run(_recipe: object, options: RunOptions, *_: object) -> tuple[Path, Record]:
        assert options.out is not None
        options.out.mkdir(parents=True)
        return options.out, records[1]

    monkeypatch.setattr(reproduce, "run", run)
    (path,) = files(records[0])
    assert main(["reproduce", str(path), "--out", str(tmp_path / "again"), *option]) == status
    out, error = capsys.readouterr()
    written = json.loads((tmp_path / "again" / "verdict.json").read_text())
    name = re.split(r":| within", says)[0]
    assert (written["verdict"]["name"], written["verdict"]["exit_status"]) == (name, status)
    if option:
        assert json.loads(out) == written
    else:
        assert out.splitlines()[-1].startswith(f"verdict: {says}")
        assert len([line for line in out.splitlines() if line.startswith("verdict: ")]) == 1
    assert "asr: " not in error


def test_a_change_on_purpose(again: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What it is about comes first; the other seed is named as the cause."""
    assert main([*again, "--set", "seed=2", "--set", "train.clip=2"]) in (0, 3, 4)
    out, _ = capsys.readouterr()
    lines = out.splitlines()
    assert rows(out)["seed"] == ["1", "2"]
    assert "changed on purpose: seed=2, train.clip=2" in lines
    at = lines.index("what is different, the most likely cause first:")
    assert lines[at + 1] == "  seed: recipe key seed is 1 in the first, 2 in the second"
    assert "the trainings part at the start: the weights before the first step" in lines[-1]


def test_an_audit(again: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*again, "--steps", f"{KEPT}:8"]) == 0
    out, _ = capsys.readouterr()
    assert out.splitlines()[-1] == (
        "verdict: bit-identical: steps 7 to 8 of 9 have the same digests; the others were not run again"
    )
    assert rows(out)["weights"][1] == ""  # there are none to compare


def test_an_audit_with_a_change(again: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*again, "--steps", "0:2", "--set", "seed=2", "--json"]) == 4
    tree = json.loads(capsys.readouterr().out)
    assert (tree["verdict"]["name"], tree["changes"]) == ("inconclusive", ["seed=2"])
    assert tree["verdict"]["parting"] == {"step": 0, "after": -1, "place": "start", "epoch": 0}
    assert tree["causes"][0] == {
        "kind": "seed",
        "what": "recipe key seed",
        "first": "1",
        "second": "2",
        "likely": True,
    }


def test_first_step_left_out_is_the_beginning(again: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*again, "--steps", ":2"]) == 0
    assert "steps 1 to 2 of 9 have the same digests" in capsys.readouterr().out


def test_no_cause_is_found_and_it_is_said(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduce, "run", lambda *_: (tmp_path, other_bits(record())))
    (path,) = files(record())
    assert main(["reproduce", str(path), "--out", str(tmp_path / "again")]) == 0
    said = "nothing that the records hold is different: the cause is something that they do not know\n"
    assert said in capsys.readouterr().out


def test_fresh(again: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main([*again, "--fresh", "--steps", "0:3"]) == 0
        assert "epoch   1/3" in capsys.readouterr().err


def test_a_published_record_by_itself(
    again: list[str], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again[1] = str(shutil.copy(home / "run" / "record.json", tmp_path / "published.json"))
    assert main([*again, "--steps", "0:2"]) == 0
    capsys.readouterr()
    assert main([*again, "--steps", f"{KEPT}:9"]) == 1
    assert "give the run folder with its checkpoints/, name one with --checkpoint" in capsys.readouterr().err


def test_instructions_of_another_machine_are_told(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command goes on, and the user knows why the bits will not be the same."""
    variables = {**by_hand.environment().variables, "ATEN_CPU_CAPABILITY": "avx512"}
    made = record(environment=by_hand.environment().model_copy(update={"variables": variables}))
    monkeypatch.setattr("asr.numerics.instruction_sets", lambda: ("AVX2",))
    monkeypatch.setattr("asr.numerics.pin", lambda *_: None)
    monkeypatch.setattr(reproduce, "run", lambda *_: (tmp_path, made))
    (path,) = files(made)
    assert main(["reproduce", str(path), "--out", str(tmp_path / "again")]) == 0
    assert capsys.readouterr().err.splitlines()[0] == (
        "asr: the record was computed with AVX512, and this processor has AVX2: other bits are to be expected"
    )
