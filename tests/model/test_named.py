"""Which model is meant by a path or a name."""

import os
from pathlib import Path

import pytest

from asr.errors import BundleError
from asr.model.named import find_model, is_name, models_folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and an empty models folder beside it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("ASR_MODELS", str(tmp_path / "models"))
    return tmp_path / "here"


def bundle(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.json").touch()
    return folder


def complaint(model: str | Path) -> str:
    with pytest.raises(BundleError) as caught:
        find_model(model)
    return str(caught.value)


def test_runs_and_bundles_by_path(here: Path) -> None:
    inside = bundle(here / "run" / "model")
    assert find_model(here / "run") == inside
    assert find_model("run") == Path("run/model")
    assert find_model(inside) == inside


def test_a_name(here: Path) -> None:
    named = bundle(models_folder() / "my model")
    assert find_model("my model") == find_model(Path("my model")) == named
    (here / "my model").mkdir()  # no model, so not what is meant
    assert find_model("my model") == named
    assert find_model(bundle(here / "my model" / "model").parent) == here / "my model" / "model"
    assert find_model("my model") == Path("my model/model")  # a path goes before a name


def test_the_models_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert models_folder() == tmp_path / "models"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASR_MODELS", "~/mine")
    assert models_folder() == tmp_path / "home/mine"
    for unset in (lambda: monkeypatch.setenv("ASR_MODELS", ""), lambda: monkeypatch.delenv("ASR_MODELS")):
        unset()
        assert models_folder() == tmp_path / "home/.local/share/attest-asr/models"


@pytest.mark.parametrize("name", ["an4", "my model", "an4-phones.seed_2", "märz", "模型", "m" * 100, "[a]*"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".an4",
        "-an4",
        " an4",
        "an4 ",
        "a/b",
        "a\\b",
        "c:an4",
        "a\nb",
        "a\0b",
        "m" * 101,
        "é" * 51,
    ],
)
def test_no_names(name: str) -> None:
    """Nor is there a model of this name if there is one in such a folder."""
    assert not is_name(name)
    for odd in ("-an4", " an4", "a/b", "a\nb"):
        bundle(models_folder() / odd)
    assert "no model here" in complaint(name or "nothing")


def test_what_is_there_instead(here: Path) -> None:
    assert "none of that name: no model has been unpacked into" in complaint("an4")
    for name in "abcdefg":
        bundle(models_folder() / name)
    assert complaint("an4").endswith("there is a, b, c, d, e and 2 more (`asr models list`)")
    assert "no model here (no model.json); give a bundle folder, a run, or" in complaint(here / "gone")
    assert "no model here" in complaint(here)
    (here / "config.json").touch()
    assert "it looks like a Hugging Face folder" in complaint(here)
    (here / "record.json").touch()
    assert "this run has not come to its end" in complaint(here)
    (here / "model.tar").touch()
    assert "a packed model; unpack it once with `asr models unpack`" in complaint("model.tar")
    (here / "model.pt").touch()
    assert "is a file; a model is a bundle folder" in complaint("model.pt")
    assert "no model here" in complaint("x" * 5000)


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user other than root, who may look everywhere")
def test_folders_that_may_not_be_looked_into(here: Path) -> None:
    closed = bundle(here / "closed")
    closed.chmod(0)
    try:
        assert "no model here" in complaint(closed)
    finally:
        closed.chmod(0o755)
