"""`asr confidence` as a user meets it: a small run, trained, measured, used; and the usual mistakes."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from asr.cli.main import main
from asr.confidence import changes, fit
from asr.runs import confidence

Complaint = Callable[..., str]


def told(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, object]:
    assert main(["confidence", *map(str, words), "--json", "--workers", "1"]) == 0
    tree: dict[str, object] = json.loads(capsys.readouterr().out)
    return tree


def test_a_model_that_hardly_errs(run: Path, tmp_path: Path, complaint: Complaint) -> None:
    """The miniature knows its tones by heart: nothing is wrong, and nothing can be learned."""
    said = complaint("confidence", "train", run, "-o", tmp_path / "c.json", "--no-forest")
    assert "words are wrong in" in said
    assert "more development data would help" in said
    assert not (tmp_path / "c.json").exists()


@pytest.fixture
def confused(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same run, all of whose words "no" and "go" count as wrong."""
    right_words = confidence.right_words

    def strict(reference: str, hypothesis: str) -> Sequence[bool]:
        flags = right_words(reference, hypothesis)
        for number, word in enumerate(hypothesis.split()):
            flags[number] &= word not in ("no", "go")
        return flags

    monkeypatch.setattr(confidence, "right_words", strict)
    monkeypatch.setattr(confidence, "CHANGES", changes.CHANGES[:1])
    return run


def test_train_score_and_transcribe(
    confused: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], complaint: Complaint
) -> None:
    file = tmp_path / "c.json"
    tree = told(capsys, "train", confused, "-o", file, "--no-forest")
    assert [each["name"] for each in tree["judged"]] == ["maximum probability", "calibrated", "n-best"]
    assert (tree["method"], tree["decoder"], tree["part"]) == ("rivals", {"name": "greedy"}, "dev")
    first = file.read_bytes()
    assert told(capsys, "train", confused, "-o", file, "--no-forest") == tree
    assert file.read_bytes() == first

    assert main(["confidence", "score", str(confused), "--estimator", str(file), "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "test part, greedy: " in lines[0]
    assert any(line.startswith("this estimator ") for line in lines)
    assert not any("…" in line for line in lines)  # all of it, in 80 columns

    assert "words that are read in another way" in complaint(
        "confidence", "score", confused, "--estimator", file, "--decoder", "beam"
    )
    audio = json.loads((confused / "manifests" / "test.jsonl").read_text().splitlines()[0])["audio_filepath"]
    transcribe = ["transcribe", audio, "--model", str(confused), "--json", "--confidence", str(file)]
    assert main(transcribe) == 0
    (found,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(0 <= word["confidence"] <= 1 for word in found["words"])


def test_into_a_copy_of_the_model(
    confused: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], complaint: Complaint
) -> None:
    """The run is sealed, and stays as it is."""
    file, bundle = tmp_path / "c.json", tmp_path / "sure"
    before = {path: path.read_bytes() for path in confused.rglob("*") if path.is_file()}
    words = ["confidence", "train", str(confused), "--no-forest", "--workers", "1"]
    assert main([*words, "--bundle", str(bundle)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{bundle}: the model with it"
    assert main([*words, "-o", str(file), "--bundle", str(tmp_path / "again")]) == 0
    capsys.readouterr()
    names = sorted(path.name for path in bundle.iterdir())
    assert names == ["README.md", "confidence.json", "model.json", "record.json", "weights.safetensors"]
    assert (bundle / "confidence.json").read_bytes() == file.read_bytes()
    assert all((bundle / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
    assert {path: path.read_bytes() for path in confused.rglob("*") if path.is_file()} == before
    assert main(["models", "check", str(bundle)]) == 0
    assert ": whole: 5 files, " in capsys.readouterr().out

    assert f"{bundle}: already there" in complaint(*words, "--bundle", bundle)
    assert "give -o FILE, or --bundle FOLDER" in complaint(*words)
    searched = ("--decoder", "beam", "--bundle", tmp_path / "other")
    assert "--bundle: words are read in another way (beam) than this model reads" in complaint(
        *words, *searched
    )
    assert not (tmp_path / "other").exists()


def test_too_few_errors_for_a_forest(
    confused: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No forest, and the reason; the n-best posterior is calibrated instead."""
    monkeypatch.setattr(fit, "FEWEST", 1000)
    tree = told(capsys, "train", confused, "-o", tmp_path / "c.json")
    assert tree["method"] == "rivals"
    assert "1000 wrong and 1000 right ones are needed to grow a forest" in tree["no_forest_because"]


def test_mistakes(run: Path, tmp_path: Path, complaint: Complaint) -> None:
    missing = tmp_path / "missing.json"
    out = ("-o", tmp_path / "c.json")
    assert f"{missing}: no such file" in complaint("confidence", "score", run, "--estimator", missing)
    assert "--lm is for --decoder beam" in complaint("confidence", "train", run, *out, "--lm", missing)
    assert f"{missing}" in complaint("confidence", "train", missing, *out, "--no-forest")
