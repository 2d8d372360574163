"""`asr show` as a user meets it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.runs.record import read_record, write_record

Complaint = Callable[..., str]


@pytest.fixture
def run(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A folder whose name would mean something to a careless printer."""
    folder = tmp_path / "a[red]b"
    shutil.copytree(trained[1], folder)
    return folder


def shown(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["show", *map(str, words)]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out


def test_everything_that_a_person_asks(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, run)
    record = read_record(run)
    assert record.model is not None
    for expected in (
        "asr run miniature.toml",
        "seed 1, recipe ",
        "status complete",
        record.sessions[0].code.digest[:16],
        f"torch {record.environment.packages['torch']}",
        f"weights {record.model.weights_digest[:16]}",
        f"best of 14 epochs: {record.model.best_epoch}",
        f"miniature test: WER {record.results['test'].wer:.2%}",
        f"miniature dev: WER {record.results['dev'].wer:.2%}",
        f"record: {run / 'record.json'}",
        f"{record.epochs[-1].train_loss:.4f}",
        "best so far",
    ):
        assert expected in out, expected
    assert out.count("WER") >= 2
    assert "speakers heard in training and in the test part" not in out


def test_record_by_itself(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    alone = tmp_path / "published.json"
    shutil.copy(run / "record.json", alone)
    assert f"record: {alone}" in shown(capsys, alone)


def test_json_is_the_record(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(shown(capsys, run, "--json")) == json.loads((run / "record.json").read_text())


def test_several_runs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, run, run / "record.json")
    assert out.count("status complete") == 2


def test_run_under_way(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = read_record(run)
    changes = {"status": "interrupted", "model": None, "results": {}, "times": None, "files": {}}
    write_record(run, record.model_copy(update=changes))
    out = shown(capsys, run)
    assert "this run is interrupted; the command that began it goes on with it" in out
    write_record(run, record.model_copy(update=changes | {"status": "running", "corpus": None, "epochs": []}))
    assert "this run is running" in shown(capsys, run)


def test_what_must_not_be_overlooked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Left-out utterances, shared speakers, synthetic speech, changed code and warnings are all said."""
    tree = json.loads((run / "record.json").read_text())
    tree["corpus"].update(
        left_out=[{"id": "an[7]", "reason": "its text is empty"}],
        shared={"audio": ["an1"], "texts": ["an1", "an2"], "speakers": ["fash", "mwhw"]},
        waived=["speakers", "texts"],
        synthetic=True,
    )
    tree["sessions"][-1]["code"]["changed"] = True
    tree["epochs"][0]["warnings"] = ["gradient vanishes in recurrent.0"]
    (run / "record.json").write_text(json.dumps(tree))
    out = shown(capsys, run)
    assert "left out of training: an[7]: its text is empty" in out
    assert "speakers heard in training and in the test part: fash, mwhw" in out
    assert "texts of 2 of 8 test utterances also outside the test part" in out
    assert "audio of 1 of 8 test utterances also outside the test part" in out
    assert "waived by the recipe: speakers, texts" in out
    assert "miniature (synthetic speech) test: WER" in out
    assert ", with changes" in out
    assert "vanishes" in out


def test_no_run_there(tmp_path: Path, complaint: Complaint) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        assert f"asr: {path}: no run here (no record.json)" in complaint("show", path)


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ("", "not a readable JSON file"),
        ("{", "not a readable JSON file"),
        ("[]", "record format 'list'; this version of Attest reads formats 1 to 2"),
        ('{"format": 3}', "record format 3; this version"),
        ('{"format": 1}', "key status: Field required"),
    ],
)
def test_record_that_cannot_be_read(
    tmp_path: Path, complaint: Complaint, contents: str, expected: str
) -> None:
    (tmp_path / "record.json").write_text(contents)
    assert f"asr: {tmp_path / 'record.json'}: {expected}" in complaint("show", tmp_path)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda tree: tree.update(surprise=1), "surprise"),
        (lambda tree: tree["recipe"]["train"].update(epochs="3"), "recipe.train.epochs"),
        (lambda tree: tree["results"]["test"].pop("wer"), "results.test.wer"),
    ],
)
def test_record_with_a_key_that_cannot_be(
    run: Path, complaint: Complaint, change: Callable[[dict[str, object]], object], key: str
) -> None:
    tree = json.loads((run / "record.json").read_text())
    change(tree)
    (run / "record.json").write_text(json.dumps(tree))
    assert f"key {key}: " in complaint("show", run)


def test_record_without_a_session(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody writes one, but a record may come from anywhere: shown or refused, not crashed upon."""
    tree = json.loads((run / "record.json").read_text())
    tree["sessions"] = []
    (run / "record.json").write_text(json.dumps(tree))
    assert main(["show", str(run)]) in (0, 1)
    out, error = capsys.readouterr()
    assert out or error.startswith("asr: ")


def test_one_bad_run_among_good_ones(run: Path, tmp_path: Path, complaint: Complaint) -> None:
    assert "no run here" in complaint("show", run, tmp_path / "gone")
