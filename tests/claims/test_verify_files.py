"""Files of a run that are missing, altered, in disguise, or too many; and what they say against the record."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import miniature
import numpy as np
import pytest
import soundfile

from asr.claims.findings import Report
from asr.claims.verify import verify
from asr.manifest import digest_of, identity, manifest_digest, read_manifest
from asr.runs.seal import canonical_digest, seal_of

LISTED = (
    *("recipe.toml", "metrics.jsonl", "hypotheses/dev.jsonl", "hypotheses/test.jsonl"),
    *("model/model.json", "model/weights.safetensors"),
)
MANIFESTS = tuple(f"manifests/{part}.jsonl" for part in ("train", "dev", "test"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A corpus and a run, which are not to be changed."""
    return miniature.trained(tmp_path_factory.getbasetemp())


@pytest.fixture
def run(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    shutil.copytree(trained[1], folder)
    return folder


def codes(report: Report) -> dict[str, str]:
    """By file or key, what is the matter with it; remarks left out."""
    return {finding.what: finding.code for finding in report.findings if not finding.remark}


def outcome(report: Report, name: str) -> str:
    return next(check.outcome for check in report.checks if check.name == name)


def change_record(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """As somebody would who knows how records are sealed."""
    tree = json.loads((run / "record.json").read_text())
    change(tree)
    tree["recipe_digest"] = canonical_digest(tree["recipe"])
    tree["seal"] = seal_of(tree)
    (run / "record.json").write_text(json.dumps(tree))


def list_again(run: Path, *names: str) -> None:
    """Puts the digests of altered files into the record."""
    digests = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names}
    change_record(run, lambda tree: tree["files"].update(digests))


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
    assert (report.verdict, outcome(report, "checkpoints"), outcome(report, "states")) == (
        "verified",
        "not checked",
        "ok",
    )
    shutil.rmtree(run / "checkpoints")
    report = verify(run)
    assert (report.verdict, outcome(report, "states")) == ("verified", "not checked")


def test_a_checkpoint_of_another_training(run: Path) -> None:
    """Its file matches its digest, and its state is not that of the trail."""

    def change(tree: dict[str, Any]) -> None:
        tree["trail"][4]["average"] = "0" * 64

    before = json.loads((run / "record.json").read_text())["trail"][4]
    assert before["step"] == 32
    change_record(run, change)
    assert codes(verify(run)) == {"trail.4.average": "inconsistent"}


def test_checkpoints_that_changed_places(run: Path) -> None:
    one, other = (f"checkpoints/step-{step:07d}.safetensors" for step in (32, 56))
    (run / one).rename(run / "kept")
    (run / other).rename(run / one)
    (run / "kept").rename(run / other)

    def change(tree: dict[str, Any]) -> None:
        listed = tree["checkpoints"]
        listed[one], listed[other] = listed[other], listed[one]

    change_record(run, change)
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
    assert found == {"model/model.json": "not-a-file", "model/weights.safetensors": "not-a-file"}


def test_a_file_that_cannot_be_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("asr.claims.verify_files.sha256_file", refuse)
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
    change_record(run, lambda tree: tree[key].update({name: hashlib.sha256(b"").hexdigest()}))
    assert codes(verify(run)) == {f"{key}.{name}": "unsafe-name"}


def test_a_list_without_a_file_that_every_run_has(run: Path) -> None:
    (run / "hypotheses" / "test.jsonl").unlink()
    change_record(run, lambda tree: tree["files"].pop("hypotheses/test.jsonl"))
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


def test_hypotheses_that_were_polished(run: Path) -> None:
    """A wrong word put right, its digest renewed: the counts of the record are others."""
    path = run / "hypotheses" / "test.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["hypothesis"] = "nothing of it"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    list_again(run, "hypotheses/test.jsonl")
    found = codes(verify(run))
    name = lines[0]["id"]
    assert f"hypotheses/test.jsonl: {name}.errors" in found

    from asr.scoring import count_errors

    lines[0]["errors"] = vars(count_errors(lines[0]["reference"], "nothing of it"))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    list_again(run, "hypotheses/test.jsonl")
    found = codes(verify(run))
    assert {f"outcomes.test.{name}.{key}" for key in ("errors", "characters", "hypothesis")} < set(found)
    assert {"results.test.wer", "results.test.ser", "results.test.words.substitutions"} < set(found)
    report = verify(run, decode=True)
    assert f"hypotheses/test.jsonl: {name}" in codes(report)
    assert outcome(report, "transcripts") == "failed"


def test_references_that_are_not_those_of_the_manifest(run: Path) -> None:
    path = run / "manifests" / "dev.jsonl"
    utterances = list(read_manifest(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["text"] = "GO GO GO"
    lines[0]["digest"] = digest_of(lines[0]["audio_digest"], "GO GO GO", lines[0]["speaker"])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = codes(verify(run))
    assert {f"hypotheses/dev.jsonl: {utterances[0].id}.reference", "corpus.splits.dev.digest"} < set(found)

    def change(tree: dict[str, Any]) -> None:
        altered = list(read_manifest(path))
        digest = identity(utterance.digest for utterance in altered)
        tree["corpus"]["splits"]["dev"].update(digest=digest, manifest=manifest_digest(altered))

    change_record(run, change)
    found = codes(verify(run))
    assert "corpus.splits.dev.digest" not in found
    assert {f"hypotheses/dev.jsonl: {utterances[0].id}.reference", "corpus.identity.train"} <= set(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "has no end"),
        (lambda lines: [*lines[:-1], lines[0], ""], "twice"),
        (lambda lines: [lines[0].replace('"lang"', '"language"'), *lines[1:]], "the keys"),
        (lambda lines: [*lines, "[]", ""], "JSON"),
    ],
)
def test_manifests_as_nobody_writes_them(
    run: Path, change: Callable[[list[str]], list[str]], message: str
) -> None:
    path = run / "manifests" / "train.jsonl"
    lines = path.read_text().split("\n")
    path.write_text("\n".join(change(lines[:-1] if message == "JSON" else lines)))
    messages = [
        finding.message
        for finding in verify(run).findings
        if finding.what.startswith("manifests/train.jsonl")
    ]
    assert any(message in text for text in messages), messages


def test_audio_that_is_gone_or_not_what_it_was(trained: tuple[Path, Path], run: Path, tmp_path: Path) -> None:
    """One sample in one file, and one file missing: both have a name, and the run's own files are as they were."""
    corpus = tmp_path / "an4"
    shutil.copytree(trained[0], corpus)
    for path in (run / "manifests").iterdir():
        path.write_text(path.read_text().replace(str(trained[0]), str(corpus)))
    assert verify(run, decode=True, audio=True).verdict == "verified"
    first, second, *_ = read_manifest(run / "manifests" / "test.jsonl")
    samples, rate = soundfile.read(first.audio_filepath, dtype="int16")
    samples[len(samples) // 2] ^= 1
    soundfile.write(first.audio_filepath, samples, rate, subtype="PCM_16")
    Path(second.audio_filepath).unlink()
    found = codes(verify(run, audio=True))
    assert found == {
        f"manifests/test.jsonl: {first.id}": "other-audio",
        f"manifests/test.jsonl: {second.id}": "unreadable",
    }
    assert verify(run).verdict == "verified"
    assert codes(verify(run, decode=True)) == {f"hypotheses/test.jsonl: {second.id}": "unreadable"}


def test_other_weights_of_the_same_shape(run: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = run / "model" / "weights.safetensors"
    tensors = load_file(path)
    tensors["output.bias"] = tensors["output.bias"] + np.float32(1e-6)
    save_file(tensors, path)
    tree = json.loads((run / "model" / "model.json").read_text())
    tree["weights"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (run / "model" / "model.json").write_text(json.dumps(tree))
    list_again(run, "model/weights.safetensors", "model/model.json")
    assert codes(verify(run)) == {"model.weights_digest": "inconsistent"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda tree: tree["front_end"].update(hop=0.02), "model/model.json: front_end.hop"),
        (lambda tree: tree.update(recipe_digest="0" * 64), "model/model.json: recipe_digest"),
        (lambda tree: tree.update(name="other"), "model/model.json: name"),
        (lambda tree: tree["tokenizer"]["alphabet"].reverse(), "tokenizer.digest"),
        (lambda tree: tree["model"].update(hidden=17), "model/weights.safetensors"),
        (lambda tree: tree.pop("text"), "model/model.json"),
    ],
)
def test_a_bundle_that_is_not_of_this_run(
    run: Path, change: Callable[[dict[str, Any]], object], what: str
) -> None:
    tree = json.loads((run / "model" / "model.json").read_text())
    change(tree)
    (run / "model" / "model.json").write_text(json.dumps(tree))
    list_again(run, "model/model.json")
    assert what in codes(verify(run))
