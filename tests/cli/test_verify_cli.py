"""`asr verify` as a user meets it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main

Complaint = Callable[..., str]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A folder whose name would mean something to a careless printer."""
    folder = tmp_path / "a[red]b"
    shutil.copytree(trained[1], folder)
    return folder


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Exit status, standard output and standard error of `asr verify ...`."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["verify", *map(str, words)])
        return status, *capsys.readouterr()

    return call


def test_a_run_that_is_right(run: Path, call: Call) -> None:
    status, out, error = call(run)
    assert (status, error) == (0, "")
    last = out.splitlines()[-1]
    assert last == f"{run}: verified: 22 checks right (2 not made)"
    for expected in (
        "seal",
        "weights, tokenizer, layers are the record's",
        "only with --decode",
        "only with --audio",
    ):
        assert expected in out
    assert "remark: corpus.identity.test: is " in out


def test_what_is_wrong_is_named(run: Path, call: Call) -> None:
    (run / "model" / "model.json").unlink()
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write("{}\n")
    status, out, error = call(run)
    assert (status, error) == (1, "")
    lines = out.splitlines()
    assert "model/model.json: this file is missing" in lines
    assert any(line.startswith("metrics.jsonl: altered: its SHA-256 is ") for line in lines)
    assert lines[-1].startswith(f"{run}: NOT verified: ")
    assert "model/model.json" in lines[-1]
    assert "metrics.jsonl" in lines[-1]


def test_many_findings_are_counted_but_not_all_printed(run: Path, call: Call) -> None:
    for number in range(40):
        (run / "model" / f"stray-{number:02d}").write_text("")
    status, out, _ = call(run)
    assert status == 1
    assert out.count("is no file of this run") == 20
    assert "files: and 20 more (--json has all)" in out
    assert out.splitlines()[-1].endswith("model/stray-09 and 30 more")
    assert len(json.loads(call(run, "--json")[1])["findings"]) == 40 + 2  # and two remarks on the corpus


def test_decoding_again(run: Path, call: Call) -> None:
    status, out, error = call(run, "--decode", "--audio")
    assert (status, error) == (0, "")
    assert out.splitlines()[-1] == f"{run}: verified: 24 checks right"


def test_json_for_programs(run: Path, call: Call) -> None:
    tree = json.loads((run / "record.json").read_text())
    tree["model"]["steps"] += 1
    (run / "record.json").write_text(json.dumps(tree))
    status, out, error = call(run, "--json")
    assert (status, error) == (1, "")
    report = json.loads(out)
    assert {key: report[key] for key in ("run", "format", "status", "verdict")} == {
        "run": str(run),
        "format": 2,
        "status": "complete",
        "verdict": "failed",
    }
    found = {(item["check"], item["code"], item["what"]): item for item in report["findings"]}
    item: dict[str, Any] = found["training", "inconsistent", "model.steps"]
    assert (item["found"], item["expected"], item["remark"]) == ("113", "112", False)
    assert "112" in item["message"]
    assert ("seal", "altered", "model.steps") in found
    assert {check["outcome"] for check in report["checks"]} == {"ok", "remark", "failed", "not checked"}


def test_a_record_by_itself(run: Path, call: Call, tmp_path: Path) -> None:
    alone = Path(shutil.copy(run / "record.json", tmp_path / "published.json"))
    status, out, _ = call(alone)
    assert status == 0
    assert "a record by itself; give the run folder" in out
    assert out.splitlines()[-1] == f"{alone}: verified: 12 checks right (12 not made)"


def test_a_run_that_is_not_over(run: Path, call: Call) -> None:
    tree = json.loads((run / "record.json").read_text())
    tree.update(status="interrupted", seal={})
    (run / "record.json").write_text(json.dumps(tree))
    status, out, _ = call(run)
    assert status == 1
    assert 'status: the run is "interrupted": it claims nothing yet' in out
    assert out.splitlines()[-1] == f"{run}: not complete, so nothing is claimed that could be verified"


def test_several(run: Path, call: Call, tmp_path: Path) -> None:
    """Each has its verdict; one that is none does not stand in the way of the others."""
    other = tmp_path / "other"
    shutil.copytree(run, other)
    (other / "metrics.jsonl").unlink()
    status, out, error = call(run, tmp_path / "nowhere", other)
    assert status == 1
    assert [line for line in out.splitlines() if "verified: " in line and not line.startswith(" ")] == [
        f"{run}: verified: 22 checks right (2 not made)",
        f"{other}: NOT verified: 1 finding: metrics.jsonl",
    ]
    assert error.startswith(f"asr: {tmp_path / 'nowhere'}: no run here")
    assert len(error.splitlines()) == 1
    verdicts = [report["verdict"] for report in json.loads(call(run, other, "--json")[1])]
    assert verdicts == ["verified", "failed"]


def test_what_is_no_record(tmp_path: Path, complaint: Complaint) -> None:
    assert "no run here" in complaint("verify", tmp_path)
    (tmp_path / "record.json").write_text("{}")
    assert "record format None" in complaint("verify", tmp_path)
    assert "record format None" in complaint("verify", tmp_path, "--json")
