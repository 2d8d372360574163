"""Files that match their digests, because somebody renewed them, and contradict the record or each other."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tampering import change_record, codes, list_again, outcomes

from asr.claims.verify import verify
from asr.manifest import digest_of, identity, manifest_digest, read_manifest


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
    assert outcomes(report)["transcripts"] == "failed"


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

    change_record(run / "record.json", change)
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
