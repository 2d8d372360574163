"""`asr evaluate MODEL... --ensemble average|vote`: the figures of the members, what is left, usual mistakes."""

import json
import shutil
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from small_bundle import write_bundle

from asr.cli.main import main
from asr.files import sha256_file
from asr.model.bundle import load_bundle, save_bundle
from asr.randomness import torch_generator
from asr.runs.record import read_record

Complaint = Any


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run and two more that hear worse, each in its own way."""
    _, run = miniature.trained(tmp_path_factory.getbasetemp())
    found = [run]
    for seed in (1, 2):
        twin = tmp_path_factory.mktemp("twins") / f"twin{seed}"
        shutil.copytree(run, twin)
        bundle = load_bundle(twin / "model")
        generator = torch_generator(seed, "worse")
        with torch.no_grad():
            for parameter in bundle.model.parameters():
                noise = torch.randn(parameter.shape, generator=generator)
                parameter += 0.5 * float(parameter.std(correction=0)) * noise
        shutil.rmtree(twin / "model")
        save_bundle(twin / "model", bundle.model, bundle.tokenizer, name="twin", text="plain-1")
        found.append(twin)
    return found


def evaluated(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    tree: dict[str, Any] = json.loads(capsys.readouterr().out)
    return tree


def same(tree: dict[str, Any]) -> str:
    """All but what depends on the machine."""
    for part in tree["parts"]:
        for system in part["systems"]:
            del system["cpu_factor"]
    return json.dumps({key: tree[key] for key in tree if key not in ("environment", "code")})


def test_members_have_the_figures_of_their_runs(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    tree = evaluated(capsys, *runs, "--ensemble", "vote", "--part", "test")
    (part,) = tree["parts"]
    first, *worse, together = part["systems"]
    result = read_record(runs[0]).results["test"]
    assert (first["wer"], first["cer"]) == (result.wer, result.cer)
    assert all(each["wer"] > first["wer"] for each in worse)
    assert [each["system"] for each in part["systems"]] == ["run", "twin1", "twin2", "vote"]
    assert tree["chosen_on_dev"] == {"best_member": "run", "tried": []}
    assert together["ensemble_against_it"] is None
    test = worse[0]["ensemble_against_it"]
    assert test["difference"] == pytest.approx(together["wer"] - worse[0]["wer"])
    costs = [each["cpu_factor"] for each in part["systems"]]
    assert costs[-1] == pytest.approx(sum(costs[:-1]))


def test_what_is_left(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By one worker and by three the same, and every hypothesis beside its reference."""
    words = (*runs, "--ensemble", "vote", "--word-confidence", "posterior", "--tune", "--part", "test")
    out = tmp_path / "out"
    tree = evaluated(capsys, *words, "--workers", "1", "--out", out)
    again = evaluated(capsys, *words, "--workers", "3")
    tried = tree["chosen_on_dev"]["tried"]
    assert len(tried) == 50
    assert tried[0]["errors"] == min(each["errors"] for each in tried)
    assert {name: tried[0][name] for name in tree["settings"]} == tree["settings"]
    assert json.loads((out / "ensemble.json").read_text(encoding="utf-8")) == tree
    for system in tree["parts"][0]["systems"]:
        file = system.pop("hypotheses")
        lines = (out / file["file"]).read_text(encoding="utf-8").splitlines()
        assert sha256_file(out / file["file"]) == file["sha256"]
        errors = [json.loads(line)["errors"] for line in lines]
        found = sum(each["substitutions"] + each["deletions"] + each["insertions"] for each in errors)
        assert found / system["words"]["reference_length"] == system["wer"]
    assert same(tree) == same(again)


def test_an_average(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run and its copy it is the run; on a corpus that is named, as on the run's own."""
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    manifest = runs[0] / "manifests" / "test.jsonl"
    again = tmp_path / "again" / "test.jsonl"
    again.parent.mkdir()
    shutil.copyfile(manifest, again)
    out = tmp_path / "out"
    tree = evaluated(capsys, runs[0], copy, manifest, again, "--ensemble", "average", "--tune", "--out", out)
    assert len(list((out / "hypotheses").iterdir())) == 2 * 3
    first, _, together = tree["parts"][0]["systems"]
    assert (together["wer"], together["cer"]) == (first["wer"], first["cer"])
    assert together["decoder"] == "greedy"
    assert {each["mean"] for each in tree["chosen_on_dev"]["tried"]} == {"probabilities", "log-probs"}
    assert [part["corpus"] for part in tree["parts"]] == [
        str(manifest),
        str(again),
    ]  # as both are called test


def test_a_table_for_people(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *map(str, runs), "--ensemble", "average", "--mean", "log-probs"]) == 0
    shown = capsys.readouterr().out
    assert "run *" in shown
    assert "average: mean log-probs" in shown
    assert "its figures flatter" in shown


def test_mistakes(runs: list[Path], tmp_path: Path, complaint: Complaint) -> None:
    one, two, _ = runs
    bundle = write_bundle(tmp_path / "bundle")
    manifest = one / "manifests" / "test.jsonl"
    vote = ("--ensemble", "vote")
    assert "needs two members or more, got 1" in complaint("evaluate", one, *vote)
    assert "named twice" in complaint("evaluate", one, one, *vote)
    assert "--mean is for --ensemble average" in complaint("evaluate", one, two, *vote, "--mean", "log-probs")
    assert "--vote-weight is for --ensemble vote" in complaint(
        "evaluate", one, two, "--ensemble", "average", "--vote-weight", "1"
    )
    assert "--vote-weight is for several models" in complaint("evaluate", one, "--vote-weight", "0")
    assert "--tune chooses --null-confidence" in complaint(
        "evaluate", one, two, *vote, "--tune", "--null-confidence", "0"
    )
    assert "weight of the voting must be 0 to 1, got 2" in complaint(
        "evaluate", one, two, *vote, "--vote-weight", "2"
    )
    assert "not all complete runs" in complaint("evaluate", one, bundle, *vote)
    assert "--tune needs development data" in complaint("evaluate", one, bundle, manifest, *vote, "--tune")
    assert "carries no search" in complaint("evaluate", one, two, *vote, "--decoder", "beam")
    assert "--beam is for one run" in complaint("evaluate", one, two, *vote, "--beam", "5")
    assert "--part train is not for ensembles" in complaint("evaluate", one, two, *vote, "--part", "train")
    assert "has other tokens than run" in complaint(
        "evaluate", one, bundle, manifest, "--ensemble", "average"
    )
    assert "choose another --out" in complaint("evaluate", one, two, *vote, "--out", tmp_path)
