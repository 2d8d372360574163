"""`asr export` as a user meets it: what is written, what is refused, and that nothing is half-written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from miniature import RATE
from onnx import numpy_helper

from asr import Transcriber
from asr.cli.main import main
from asr.engine.runtime import session
from asr.errors import BundleError
from asr.export import exporting, rounding
from asr.export.checking import LIMIT, MARGIN, Compared, Side, compare
from asr.export.exporting import default_out, export
from asr.export.graph import model_graph
from asr.export.material import material_for
from asr.manifest import read_manifest, write_manifest
from asr.model.bundle import load_bundle
from asr.model.contents import LIST
from asr.model.description import read_bundle_description
from asr.model.exported import Difference, read_export
from asr.model.named import find_model

CAPSYS = pytest.CaptureFixture[str]
Graphs = Callable[[Any], onnx.ModelProto]


def tree(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "export.json").read_text(encoding="utf-8")))


def damaged(make: Graphs, share: float) -> Graphs:
    """With weights that are a little, or entirely, others."""

    def graph(given: Any) -> onnx.ModelProto:
        found = make(given)
        for tensor in found.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.ndim > 1 and values.dtype.kind in "fu" and values.size > 200:
                other = np.roll(values, 7) if share == 1 else values * (1 + share)
                tensor.CopyFrom(numpy_helper.from_array(other.astype(values.dtype), tensor.name))
        return found

    return graph


def test_what_is_written(exported: Path, run_folder: Path) -> None:
    found = tree(exported)
    check, dev = found["check"], read_manifest(run_folder / "manifests" / "dev.jsonl")
    assert (found["precision"], found["opset"], found["weights_here"]) == ("float32", 17, True)
    assert found["bytes"] == (exported / "model.onnx").stat().st_size
    assert check["audio"]["source"] == "run"
    assert check["audio"]["utterances"] == len(dev)
    assert check["audio"]["words"] == sum(len(each.text.split()) for each in dev)
    assert [shape["rows"] for shape in check["shapes"]] == [1, 3, 8, 24]
    assert 0 < max(shape["difference"] for shape in check["shapes"]) < LIMIT
    assert check["different"] == 0
    assert check["errors"]["torch"] == check["errors"]["onnx"]
    listed = json.loads((exported / LIST).read_text(encoding="utf-8"))["files"]
    assert {*listed, LIST} == {path.name for path in exported.iterdir()}
    assert list(exported.parent.iterdir()) == [exported]  # nothing beside it


def test_the_run_stays_as_it_is_and_is_whole(exported: Path, run_folder: Path, capsys: CAPSYS) -> None:
    assert main(["verify", str(run_folder)]) == 0
    assert not list((run_folder / "model").glob("*onnx*"))
    assert default_out(run_folder, "float32") == run_folder.with_name("run-onnx")
    assert default_out(exported, "int8") == exported.with_name("tones-onnx-int8")


@pytest.mark.parametrize("given", ["run", "run/model", "./run"])
def test_an_export_is_beside_its_run_as_that_was_given(
    given: str, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run_folder.parent)
    assert default_out(given.replace("run", run_folder.name, 1), "float32") == Path(f"{run_folder.name}-onnx")
    monkeypatch.chdir(run_folder)
    assert default_out(".", "int8") == run_folder.with_name(f"{run_folder.name}-int8")


def test_it_hears_as_torch(exported: Path, run_folder: Path, recordings: list[Path]) -> None:
    by_torch, by_onnx = Transcriber(run_folder, words=True), Transcriber(exported, words=True)
    assert (by_torch.engine, by_onnx.engine) == ("torch", "onnx")
    for recording in recordings:
        ours, theirs = by_torch(recording), by_onnx(recording)
        assert ours.text == theirs.text
        assert [word.word for word in ours.words] == [word.word for word in theirs.words]
        assert (ours.engine, theirs.engine) == ("torch", "onnx")
    assert Transcriber(exported, engine="torch")(recordings[0]).engine == "torch"


def test_packed_and_back(exported: Path, tmp_path: Path, capsys: CAPSYS) -> None:
    packed = tmp_path / "tones.tar"
    assert main(["models", "pack", str(exported), "-o", str(packed)]) == 0
    assert main(["models", "check", str(packed), str(exported)]) == 0
    assert main(["models", "unpack", str(packed), "--to", str(tmp_path / "tones")]) == 0
    assert "export.json, model.onnx" in capsys.readouterr().out
    names = {path.name for path in exported.iterdir()}
    assert {path.name for path in (tmp_path / "tones").iterdir()} == names
    for name in names:
        assert (tmp_path / "tones" / name).read_bytes() == (exported / name).read_bytes()


@pytest.mark.parametrize("name", ["model.onnx", "export.json"])
@pytest.mark.parametrize("how", ["altered", "missing"])
def test_a_file_that_is_not_as_it_was(
    exported: Path, tmp_path: Path, capsys: CAPSYS, name: str, how: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    if how == "missing":
        (folder / name).unlink()
    else:
        contents = (folder / name).read_bytes()
        (folder / name).write_bytes(contents[:-9] + b" " + contents[-8:])
    for command in (["models", "check", str(folder)], ["transcribe", "none.wav", "--model", str(folder)]):
        assert main(command) == 1
        assert f"{folder / name}: {how}" in capsys.readouterr().err.replace("not a readable", "altered")


@pytest.mark.parametrize(
    ("share", "message"), [(0.05, "differ from torch's by"), (float("nan"), "hears is not finite")]
)
def test_what_hears_otherwise_is_not_written(
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: CAPSYS,
    share: float,
    message: str,
) -> None:
    monkeypatch.setattr(exporting, "model_graph", damaged(exporting.model_graph, share))
    assert main(["export", str(run_folder), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "not exported" in error and message in error
    assert list(tmp_path.iterdir()) == []


def test_what_changes_under_way_is_not_copied(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(find_model(run_folder), folder)

    def compare_and_change(*given: Any, **named: Any) -> Compared:
        (folder / "weights.safetensors").unlink()  # not the file that is mapped
        (folder / "weights.safetensors").write_bytes(b"others")
        return compare(*given, **named)

    monkeypatch.setattr(exporting, "compare", compare_and_change)
    with pytest.raises(BundleError, match=r"weights\.safetensors: changed while it was exported"):
        export(folder, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_model_of_no_numbers_is_not_taken_for_the_same(run_folder: Path) -> None:
    folder = find_model(run_folder)
    bundle = load_bundle(folder)
    theirs = session(model_graph(bundle.model).SerializeToString())
    bundle.model.output.bias = torch.nn.Parameter(torch.full_like(bundle.model.output.bias, torch.nan))
    with pytest.raises(BundleError, match="synthetic-0: what torch or the ONNX file hears is not finite"):
        compare(folder, bundle, theirs, material_for(Path("none"), None, RATE, bundle.description.text))


@pytest.mark.parametrize(("words", "excluded"), [(100, 0.03), (10_000, 0.004)])
def test_what_loss_so_many_words_rule_out(exported: Path, words: int, excluded: float) -> None:
    """3 in 100 though nothing was heard otherwise; of many words, where the interval ends."""
    found = Difference(difference=0.0, interval_95=(-0.004, 0.004), p=1.0, margin=MARGIN, accepted=False)
    check = read_export(exported, read_bundle_description(exported)).check
    audio = check.audio.model_copy(update={"words": words})
    tested = check.model_copy(update={"audio": audio, "comparison": found})
    assert Compared(tested, Side(), Side(), texts=1).least_excluded == pytest.approx(excluded)
    assert Compared(check, Side(), Side(), texts=1).least_excluded == 0


def test_int8_is_smaller_and_says_what_it_costs(run_folder: Path, tmp_path: Path, capsys: CAPSYS) -> None:
    out = tmp_path / "int8"
    command = ["export", str(run_folder), "--out", str(out), "--int8", "--no-weights"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "8 bits: WER" in said and "real-time factor" in said
    assert "words are too few to rule out a loss of 0.50%" in said
    found = tree(out)
    assert (found["precision"], found["weights_here"]) == ("int8", False)
    assert not (out / "weights.safetensors").exists()
    comparison = found["check"]["comparison"]
    assert comparison["difference"] <= MARGIN and not comparison["accepted"]
    assert Transcriber(out).engine == "onnx-int8"
    assert main(["models", "check", str(out)]) == 0
    assert main(["models", "pack", str(out), "-o", str(tmp_path / "int8.tar")]) == 0
    assert main(["models", "check", str(tmp_path / "int8.tar")]) == 0
    assert main(command) == 1
    assert f"{out}: already there" in capsys.readouterr().err
    assert main(["transcribe", "x.wav", "--model", str(out), "--engine", "torch"]) == 1
    assert "this bundle has an ONNX file alone" in capsys.readouterr().err


def test_a_real_loss_is_refused_unless_it_is_wanted(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPSYS
) -> None:
    monkeypatch.setattr(exporting, "rounded", damaged(rounding.rounded, 1))
    command = ["export", str(run_folder), "--out", str(tmp_path / "out"), "--int8"]
    assert main(command) == 1
    assert "8 bits cost" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([*command, "--accept-loss"]) == 0
    assert "accepted all the same" in capsys.readouterr().out
    comparison = tree(tmp_path / "out")["check"]["comparison"]
    assert comparison["accepted"] and comparison["difference"] > MARGIN and comparison["p"] < 0.05


def test_a_manifest_and_sound_that_is_made_up(run_folder: Path, tmp_path: Path, capsys: CAPSYS) -> None:
    alone = tmp_path / "bundle"
    shutil.copytree(find_model(run_folder), alone)
    some = tmp_path / "some.jsonl"
    write_manifest(some, list(read_manifest(run_folder / "manifests" / "dev.jsonl"))[:5])
    found = export(alone, tmp_path / "one", manifest=some).export.check
    assert (found.audio.source, found.audio.utterances) == ("manifest", 5)
    found = export(alone, tmp_path / "two").export.check
    assert (found.audio.source, found.audio.words, found.errors) == ("synthetic", 0, None)
    assert main(["export", str(alone), "--int8"]) == 1  # what it costs cannot be told
    assert "give --check MANIFEST" in capsys.readouterr().err
    assert main(["export", str(alone), "--check", str(tmp_path / "none.jsonl")]) == 1
    assert main(["export", str(alone), "--accept-loss"]) == 1
    some.write_text("", encoding="utf-8")
    assert main(["export", str(alone), "--check", str(some)]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "some.jsonl", "one", "two"}
