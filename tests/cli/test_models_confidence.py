"""A model that carries its estimator of confidence: packed, unpacked, and used by itself."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.confidence.calibration import Calibration
from asr.confidence.estimator import Trained
from asr.confidence.estimator_file import TrainedOn, save_estimator
from asr.decoding.vocabulary import vocabulary_of
from asr.model.bundle import load_bundle
from asr.model.named import models_folder
from asr.transcribe.transcriber import Transcriber

Complaint = Callable[..., str]
CAPSYS = pytest.CaptureFixture[str]


@pytest.fixture(scope="session")
def estimator(trained: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For greedy words of the run; half as sure as the model."""
    bundle = load_bundle(trained[1] / "model")
    half = Calibration(slope=1.0, offset=0.0, floor=0.01)
    made = Trained(vocabulary_of(bundle.tokenizer), "peak_mean", None, half, half, 1)
    about = TrainedOn(
        utterances=1, speakers=1, words=9, wrong=1, changes=(), trees=0, leaf=1, seed=0, scikit_learn=""
    )
    path = tmp_path_factory.mktemp("estimator") / "confidence.json"
    weights = bundle.description.weights
    save_estimator(path, made, weights=weights, decoder={"name": "greedy"}, trained_on=about)
    return path


def said(capsys: CAPSYS, *words: object) -> str:
    capsys.readouterr()
    assert main(["models", *map(str, words)]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out


def test_confidence_in_a_model(
    run: Path,
    estimator: Path,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: CAPSYS,
    complaint: Complaint,
) -> None:
    monkeypatch.setenv("ASR_MODELS", str(tmp_path / "models"))
    sure = tmp_path / "sure.tar"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    out = said(capsys, "pack", run, "-o", sure, "--confidence", estimator)
    assert "sure.tar: model.json, weights.safetensors, confidence.json, record.json" in out
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    said(capsys, "unpack", sure)
    (mini,) = json.loads(said(capsys, "list", "--json"))
    assert mini["confidence"] and mini["test_wer"] is not None
    expected = Transcriber(run, words=True, confidence=estimator)(speech)
    assert Transcriber("sure", words=True)(speech) == expected
    assert all(word.confidence is not None for word in expected.words)
    assert Transcriber("sure")(speech).words == ()

    file = models_folder() / "sure" / "confidence.json"
    file.write_text(file.read_text().replace('"offset":0.0', '"offset":1.0'))
    assert f"{file}: altered or damaged" in complaint("models", "check", "sure")
    assert f"{file}: altered or damaged" in complaint("transcribe", speech, "--model", "sure", "--json")

    text = estimator.read_text()
    for name, change, said_of_it in (
        ("cut", text[:-9], "not a readable JSON file"),
        ("altered", text.replace('"floor":0.01', '"floor":0.02'), "its digest is another one"),
    ):
        (tmp_path / name).write_text(change)
        assert said_of_it in complaint(
            "models", "pack", run, "-o", tmp_path / "x.tar", "--confidence", tmp_path / name
        )
    assert not (tmp_path / "x.tar").exists()
