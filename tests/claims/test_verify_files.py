"""Files of a run that are missing, altered, in disguise, or too many."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tampering import change_record, codes, list_again, outcomes

from asr.claims.verify import verify

LISTED = (
    *("recipe.toml", "metrics.jsonl", "hypotheses/dev.jsonl", "hypotheses/test.jsonl"),
    *("model/model.json", "model/weights.safetensors", "model/README.md"),
)
MANIFESTS = tuple(f"manifests/{part}.jsonl" for part in ("train", "dev", "test"))


def flip(contents: bytes) -> bytes:
    """One bit in the middle; of a manifest, in a digest, as the places of files are not the run's."""
    place = contents.index(b'"digest": "') + 20 if b'"audio_filepath"' in contents else len(contents) // 2
    return contents[:place] + bytes([contents[place] ^ 1]) + contents[place + 1 :]


@pytest.mark.parametrize("name", [*LISTED, *MANIFESTS])
def test_every_file_is_missed(run: Path, name: str) -> None:
    (run / name).unlink()
    assert codes(verify(run)) == {name: "missing"}


@pytest.mark.parametrize("name", [*LISTED, *MANIFESTS, "checkpoints/step-0000056.safetensors"])
@pytest.mark.parametrize(
    "change",
    [flip, lambda old: old[:-10], lambda old: old[: len(old) // 2], lambda old: old + b"\n", lambda old: b""],
)
def test_every_change_of_a_file_is_named(run: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    contents = (run / name).read_bytes()
    (run / name).unlink()  # a checkpoint may be one file under two names
    (run / name).write_bytes(change(contents))
    assert any(what == name or what.startswith(f"{name}:") for what in codes(verify(run)))


def test_a_record_that_was_cut_off_is_none(run: Path) -> None:
    path = run / "record.json"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Exception, match=r"record\.json: not a readable JSON file"):
        verify(run)


def test_checkpoints_may_be_deleted_but_not_altered(run: Path) -> None:
    (run / "checkpoints" / "step-0000056.safetensors").unlink()
    report = verify(run)
    assert (report.verdict, outcomes(report)["checkpoints"], outcomes(report)["states"]) == (
        "verified",
        "not checked",
        "ok",
    )
    shutil.rmtree(run / "checkpoints")
    report = verify(run)
    assert (report.verdict, outcomes(report)["states"]) == ("verified", "not checked")


def test_a_checkpoint_of_another_training(run: Path) -> None:
    """Its file matches its digest, and its state is not that of the trail."""

    def change(tree: dict[str, Any]) -> None:
        tree["trail"][4]["average"] = "0" * 64

    before = json.loads((run / "record.json").read_text())["trail"][4]
    assert before["step"] == 32
    change_record(run / "record.json", change)
    assert codes(verify(run)) == {"trail.4.average": "inconsistent"}


def test_checkpoints_that_changed_places(run: Path) -> None:
    one, other = (f"checkpoints/step-{step:07d}.safetensors" for step in (32, 56))
    (run / one).rename(run / "kept")
    (run / other).rename(run / one)
    (run / "kept").rename(run / other)

    def change(tree: dict[str, Any]) -> None:
        listed = tree["checkpoints"]
        listed[one], listed[other] = listed[other], listed[one]

    change_record(run / "record.json", change)
    assert set(codes(verify(run))) == {one, other}


@pytest.mark.parametrize("name", LISTED)
def test_disguises(run: Path, name: str, tmp_path: Path) -> None:
    path = run / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert codes(verify(run)) == {name: "not-a-file"}
    path.unlink()
    path.mkdir()
    assert codes(verify(run))[name] == "not-a-file"
    path.rmdir()
    os.mkfifo(path)  # whoever opens it to read waits for ever
    assert codes(verify(run))[name] == "not-a-file"


def test_a_folder_that_is_a_link(run: Path, tmp_path: Path) -> None:
    (run / "model").rename(tmp_path / "elsewhere")
    (run / "model").symlink_to(tmp_path / "elsewhere")
    found = codes(verify(run))
    assert found == dict.fromkeys((name for name in LISTED if name.startswith("model/")), "not-a-file")


def test_a_file_that_cannot_be_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("asr.claims.checks.files.sha256_file", refuse)
    assert codes(verify(run))["metrics.jsonl"] == "unreadable"


def test_files_that_nobody_listed(run: Path) -> None:
    (run / "model" / "more.bin").write_bytes(b"x")
    (run / "hypotheses" / "deep").mkdir()
    (run / "hypotheses" / "deep" / "other.jsonl").write_text("")
    (run / "notes.txt").write_text("whatever people keep beside a run is theirs")
    assert codes(verify(run)) == {"model/more.bin": "unlisted", "hypotheses/deep/other.jsonl": "unlisted"}


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "model/../../secret", "", ".", "a//b", "./a", "a\\b", "a\0b"]
)
@pytest.mark.parametrize("key", ["files", "checkpoints"])
def test_names_that_lead_out_of_the_folder(run: Path, key: str, name: str) -> None:
    (run.parent / "secret").write_bytes(b"")
    change_record(run / "record.json", lambda tree: tree[key].update({name: hashlib.sha256(b"").hexdigest()}))
    assert codes(verify(run)) == {f"{key}.{name}": "unsafe-name"}


def test_a_list_without_a_file_that_every_run_has(run: Path) -> None:
    (run / "hypotheses" / "test.jsonl").unlink()
    change_record(run / "record.json", lambda tree: tree["files"].pop("hypotheses/test.jsonl"))
    assert codes(verify(run)) == {"files.hypotheses/test.jsonl": "missing"}


def test_recipe_file_of_other_settings(run: Path) -> None:
    path = run / "recipe.toml"
    path.write_text(
        path.read_text().replace("hidden = 16", "hidden = 17").replace("[score]", "[score]\nmore = 1\n")
    )
    list_again(run, "recipe.toml")
    expected = {"recipe.toml: model.hidden": "inconsistent", "recipe.toml: score.more": "inconsistent"}
    assert codes(verify(run)) == expected


def test_metrics_of_other_epochs(run: Path) -> None:
    path = run / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[2]["train_loss"] += 1
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
    list_again(run, "metrics.jsonl")
    assert codes(verify(run)) == {"epochs.2.train_loss": "inconsistent", "epochs.13": "inconsistent"}


def test_a_published_run_has_no_manifests(run: Path) -> None:
    (run / "ro-crate-metadata.json").write_text("{}")
    assert outcomes(verify(run))["manifests"] == "ok"
    shutil.rmtree(run / "manifests")
    report = verify(run)
    assert (report.verdict, outcomes(report)["manifests"]) == ("verified", "not checked")
    (run / "ro-crate-metadata.json").unlink()
    assert set(codes(verify(run))) == set(MANIFESTS)
