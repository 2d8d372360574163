"""`asr models` as a user meets it: what is there, one file of it, and back; and the usual mistakes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main
from asr.model.named import models_folder

Complaint = Callable[..., str]
CAPSYS = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder, with a space in its name."""
    monkeypatch.setenv("ASR_MODELS", str(tmp_path / "my models"))
    return models_folder()


@pytest.fixture(scope="session")
def packed(trained: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "mini.tar"
    assert main(["models", "pack", str(trained[1]), "-o", str(path)]) == 0
    return path


def said(capsys: CAPSYS, *words: object) -> str:
    capsys.readouterr()
    assert main(["models", *map(str, words)]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out


def told(capsys: CAPSYS, *words: object) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_nothing_there(models: Path, tmp_path: Path, capsys: CAPSYS) -> None:
    for words in ([], ["list"], ["list", tmp_path]):
        assert f"{models}: no models yet." in said(capsys, *words)
    assert f"{tmp_path}: no run and no bundle in it" in said(capsys, "list", tmp_path)
    assert told(capsys, "list") == []
    assert not models.exists()


def test_from_a_run_to_a_name(
    run: Path, packed: Path, models: Path, speech: Path, tmp_path: Path, capsys: CAPSYS
) -> None:
    out = said(capsys, "unpack", packed, "--name", "my model")
    assert f"{models / 'my model'}: unpacked and checked\n" in out
    assert "use it: asr transcribe speech.flac --model 'my model'\n" in out
    assert [path.name for path in models.iterdir()] == ["my model"]
    expected = {**files_of(run / "model"), "record.json": (run / "record.json").read_bytes()}
    found = files_of(models / "my model")
    assert found.pop("digests.json") and found == expected

    assert main(["transcribe", str(speech), "--model", "my model"]) == 0
    assert capsys.readouterr().out == "yes go\n"
    assert main(["align", "my model", str(speech), "--text", "YES GO"]) == 0
    words = json.loads(capsys.readouterr().out)["words"]
    assert [word["word"] for word in words] == ["yes", "go"]

    for model in ("my model", run, run / "model", models / "my model"):
        again = tmp_path / f"{len(list(tmp_path.iterdir()))}.tar"
        said(capsys, "pack", model, "-o", again)
        assert again.read_bytes() == packed.read_bytes()


def test_list(run: Path, packed: Path, models: Path, capsys: CAPSYS) -> None:
    said(capsys, "unpack", packed)
    (models / "broken").mkdir()
    (models / "broken" / "model.json").write_text("{}")
    (models / ".hidden.part").mkdir()
    (models / "no model").mkdir()
    out = said(capsys, "list", run.parent)
    lines = out.splitlines()
    record = json.loads((run / "record.json").read_text())
    wer = record["results"]["test"]["wer"]
    weights = record["files"]["model/weights.safetensors"]
    for model in ("mini", str(run)):
        (line,) = (line for line in lines if line.strip().startswith(model))
        assert line.split()[-6:] == ["8000", *line.split()[-5:-3], "greedy", f"{wer:.2%}", weights[:12]]
    assert any(line.strip() == "broken" for line in lines)
    assert lines[-1].startswith("cannot be used: ") and "bundle format None" in lines[-1]
    assert "hidden" not in out and "no model" not in out

    broken, mini, by_path = told(capsys, "list", run)
    assert broken["fault"] and not mini["fault"]
    assert (mini["model"], by_path["model"]) == ("mini", str(run))
    assert (mini["recipe"], mini["sample_rate"], mini["tokens"]) == ("miniature", 8000, "characters")
    assert (
        mini["bytes"]
        == by_path["bytes"]
        == sum(len(data) for data in files_of(run / "model").values())
        + len((run / "record.json").read_bytes())
    )
    assert (mini["weights"], mini["test_wer"], mini["confidence"]) == (weights, wer, False)


def test_check(
    run: Path, packed: Path, models: Path, tmp_path: Path, capsys: CAPSYS, complaint: Complaint
) -> None:
    said(capsys, "unpack", packed)
    out = said(capsys, "check", packed, run, run / "model", "mini")
    whole = f": whole: {len(files_of(run / 'model')) + 1} files, "  # and the record of the run
    assert out.count(whole) == out.count(" parameters, WER ") == 4
    digests = {line for line in out.splitlines() if line.startswith("digest ")}
    assert digests == {line for line in said(capsys, "unpack", packed).splitlines() if "digest" in line}
    assert digests == {f"digest {told(capsys, 'check', packed)[0]['digest']}"} and len(digests) == 1
    assert not list(tmp_path.glob("asr-models-*"))

    for name, expected in (
        ("weights.safetensors", "weights.safetensors: altered or damaged"),
        ("record.json", "record.json: altered or damaged"),
        ("model.json", "model.json: "),
        ("digests.json", "its list of files"),
    ):
        kept = (models / "mini" / name).read_bytes()
        (models / "mini" / name).write_bytes(kept[:-9] + b"#" + kept[-8:])
        assert expected in complaint("models", "check", "mini")
        (models / "mini" / name).unlink()
        if name != "digests.json":
            assert name in complaint("models", "check", "mini")
        (models / "mini" / name).write_bytes(kept)
    assert main(["models", "check", str(packed), "gone", "--json"]) == 1
    whole, gone = json.loads(capsys.readouterr().out)
    assert whole["fault"] == "" and "none of that name: in " in gone["fault"]


def test_a_damaged_file_is_not_unpacked(
    packed: Path, models: Path, tmp_path: Path, capsys: CAPSYS, complaint: Complaint
) -> None:
    """Half the way through the weights; nothing is left, and a model that is there stays."""
    data = bytearray(packed.read_bytes())
    data[len(data) // 4] ^= 1
    bad = tmp_path / "mini.tar"
    bad.write_bytes(data)
    assert f"{bad}: weights.safetensors in it is altered" in complaint("models", "unpack", bad)
    assert not models.exists()
    said(capsys, "unpack", packed)
    before = files_of(models / "mini")
    complaint("models", "unpack", bad, "--overwrite")
    assert files_of(models / "mini") == before and [path.name for path in models.iterdir()] == ["mini"]


def test_what_does_not_fit_together_is_not_unpacked(
    run: Path, tmp_path: Path, models: Path, complaint: Complaint
) -> None:
    """All its digests are right, as somebody would make them: what model.json says is looked at, too."""
    from asr.model.contents import bundle_sources
    from asr.model.packed import write_packed

    sources = bundle_sources(run / "model")
    for change, expected in (
        ({"decoder.json": b"{}"}, "decoder.json: no part of the model: model.json does not name it"),
        (
            {"weights.safetensors": b"\x08" + bytes(7) + b"{}      "},
            "weights.safetensors: altered or damaged",
        ),
        ({"record.json": b"{}"}, "record.json: record format None"),
        ({"model.json": b"{}"}, "model.json: bundle format None"),
        (
            {
                "model.json": (run / "model" / "model.json")
                .read_bytes()
                .replace(b'"hidden": ', b'"hidden": 1')
            },
            "does not fit model.json",
        ),
    ):
        bad = tmp_path / "bad.tar"
        write_packed(bad, {**sources, **change})
        message = complaint("models", "unpack", bad)
        assert expected in message and str(bad) in message and ".part" not in message
        assert message[5:].partition(": ")[2] in complaint("models", "check", bad)
        assert list(models.iterdir()) == []


def test_nothing_is_replaced_unasked(
    run: Path,
    packed: Path,
    models: Path,
    tmp_path: Path,
    capsys: CAPSYS,
    complaint: Complaint,
) -> None:
    said(capsys, "unpack", packed)
    assert "was there already, the very same model" in said(capsys, "unpack", packed)
    other = tmp_path / "mini.tar"
    card = Path(shutil.copytree(run / "model", tmp_path / "with a card")) / "README.md"
    card.write_text("Five words, spoken by tones.\n")
    said(capsys, "pack", card.parent, "-o", other)
    assert f"{models / 'mini'}: another model is there" in complaint("models", "unpack", other)
    assert "unpacked and checked" in said(capsys, "unpack", other, "--overwrite")
    names = ["README.md", "digests.json", "model.json", "weights.safetensors"]
    assert sorted(files_of(models / "mini")) == names
    assert [path.name for path in models.iterdir()] == ["mini"]

    assert f"{other}: already there" in complaint("models", "pack", run, "-o", other)
    said(capsys, "pack", run, "-o", other, "--overwrite")
    assert other.read_bytes() == packed.read_bytes()

    (models / "thesis").mkdir()
    (models / "thesis" / "draft").touch()
    for words in ([], ["--overwrite"]):
        message = complaint("models", "unpack", packed, "--name", "thesis", *words)
        assert "already there, and no model" in message
    (models / "link").symlink_to(models / "mini")
    assert "already there" in complaint("models", "unpack", packed, "--name", "link", "--overwrite")
    (tmp_path / "empty").mkdir()
    assert "unpacked" in said(capsys, "unpack", packed, "--to", tmp_path / "empty")
    assert "unpacked" in said(capsys, "unpack", packed, "--to", tmp_path / "new" / "place")


def test_the_record_has_to_be_of_this_model(
    run: Path, tmp_path: Path, capsys: CAPSYS, complaint: Complaint
) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    record = copy / "record.json"
    text = record.read_text()
    record.write_text(text.replace('"status": "complete"', '"status": "interrupted"'))
    out = said(capsys, "pack", copy, "-o", tmp_path / "early.tar")
    assert "early.tar: model.json, weights.safetensors, " in out
    assert "no record of a finished run is with it" in out
    said(capsys, "check", tmp_path / "early.tar")
    record.write_text(text.replace('"synthetic": false', '"synthetic": true'))
    assert "record.json: altered since the run was over" in complaint("models", "check", copy)
    assert "altered" in complaint("models", "pack", copy, "-o", tmp_path / "altered.tar")


def test_ctrl_c(
    run: Path, packed: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPSYS
) -> None:
    """In the middle of a file, on the way in and on the way out."""

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    out = tmp_path / "out" / "x.tar"
    monkeypatch.setattr("asr.model.packed._end", interrupted)
    assert main(["models", "pack", str(run), "-o", str(out)]) == 130
    monkeypatch.undo()
    monkeypatch.setenv("ASR_MODELS", str(models))
    monkeypatch.setattr("asr.model.packed._expect_zeros", interrupted)
    assert main(["models", "unpack", str(packed)]) == 130
    monkeypatch.undo()
    monkeypatch.setenv("ASR_MODELS", str(models))
    monkeypatch.setattr("asr.models.checking.check_bundle", interrupted)
    assert main(["models", "unpack", str(packed)]) == 130
    assert capsys.readouterr().err == "asr: interrupted\n" * 3
    assert list(out.parent.iterdir()) == [] and list(models.iterdir()) == []


def test_mistakes(run: Path, packed: Path, models: Path, tmp_path: Path, complaint: Complaint) -> None:
    assert "a plain .tar; choose a name that ends in .tar" in complaint(
        "models", "pack", run, "-o", "x.tar.gz"
    )
    (tmp_path / "folder.tar").mkdir()
    assert "is a folder" in complaint("models", "pack", run, "-o", tmp_path / "folder.tar")
    (tmp_path / "link.tar").symlink_to("nowhere")  # packing would replace it
    assert "already there" in complaint("models", "pack", run, "-o", tmp_path / "link.tar")
    long = "n" * 300
    assert "cannot be written: File name too long" in complaint("models", "pack", run, "-o", f"{long}.tar")
    assert "cannot be read: File name too long" in complaint(
        "models", "unpack", f"{long}.tar", "--to", tmp_path / "m"
    )
    assert "no model here" in complaint("models", "check", long)
    assert "no such folder" in complaint("models", "list", long)
    assert "cannot be the name of a model" in complaint("models", "unpack", packed, "--name", "../x")
    assert "is a folder" in complaint("models", "unpack", run)
    assert "a packed model; unpack it once" in complaint("transcribe", "x.wav", "--model", packed)
    assert "no such folder" in complaint("models", "list", tmp_path / "gone")
    assert "`asr models check` tells about one" in complaint("models", "list", packed)
    models.touch()
    assert f"{models}: cannot be read: Not a directory" in complaint("models", "list")
    assert "cannot be written" in complaint("models", "unpack", packed)
