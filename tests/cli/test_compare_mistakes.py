"""What can be wrong with what `asr compare` is given: one clear line each, and never a good verdict."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from by_hand import outcomes, record

from asr.cli.main import main

Complaint = Callable[..., str]
Files = Callable[..., list[Path]]


def test_one_run(files: Files, complaint: Complaint) -> None:
    (path,) = files(record())
    assert complaint("compare", path) == "asr: asr compare needs two runs or more; `asr show` shows one"


def test_no_run_here(files: Files, complaint: Complaint, tmp_path: Path) -> None:
    (path,) = files(record())
    empty = tmp_path / "empty"
    empty.mkdir()
    for wrong in (tmp_path / "gone", empty):
        for words in ((path, wrong), (wrong, path)):
            assert f"asr: {wrong}: no run here (no record.json)" in complaint("compare", *words)


def test_no_record(files: Files, complaint: Complaint, tmp_path: Path) -> None:
    (path,) = files(record())
    wrong = tmp_path / "wrong.json"
    for content, words in (
        ("{", "not a readable JSON file"),
        ('{"format": 3}', "record format 3; this version of Attest reads formats 1 to 2"),
        ('{"format": 2}', "key status: Field required"),
        ("[]", "record format 'list'"),
        ('{"format": 1, "kind": "ensemble"}', "the record of another kind (ensemble), not of a run"),
    ):
        wrong.write_text(content)
        assert f"asr: {wrong}: {words}" in complaint("compare", path, wrong)


def test_broken_hypotheses(trained: tuple[Path, Path], complaint: Complaint, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained[1], other)
    (other / "hypotheses" / "test.jsonl").write_text("words\n")
    said = complaint("compare", trained[1], other)
    assert "hypotheses/test.jsonl: not a file of hypotheses" in said
    assert "`asr verify` says more" in said


def shortened(key: str) -> Callable[[dict[str, Any]], None]:
    def change(tree: dict[str, Any]) -> None:
        tree["trail"][1][key] = tree["trail"][1][key][:-4]

    return change


@pytest.mark.parametrize(
    "change",
    [
        shortened("heard"),
        shortened("gradient"),
        lambda tree: tree["trail"].reverse(),
        lambda tree: tree["trail"].pop(1),
        lambda tree: tree.update(sessions=[]),
        lambda tree: tree["corpus"]["splits"].pop("test"),
        lambda tree: tree["outcomes"].pop("test"),
        lambda tree: tree["results"]["test"].update(sentences=0),
    ],
    ids=["heard", "gradient", "order", "entry", "sessions", "splits", "outcomes", "sentences"],
)
def test_a_record_that_contradicts_itself(
    change: Callable[[dict[str, Any]], None], files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`asr verify` would name what is wrong. Here it must not end in a traceback, nor in a good verdict."""
    whole, other = files(record(), record(outcomes([2] * 10)))
    tree = json.loads(other.read_text())
    change(tree)
    other.write_text(json.dumps(tree))
    for words in ((whole, other), (other, whole)):
        status = main(["compare", *map(str, words)])
        out, error = capsys.readouterr()
        if status == 0:
            assert not re.search("^verdict: (bit-identical|same transcripts)", out, re.MULTILINE)
        else:
            assert status == 1
            assert error.startswith(f"asr: {other}: ")
            assert error.count("\n") == 1
