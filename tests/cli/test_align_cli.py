"""`asr align`, and words of `asr transcribe`, as a user meets them."""

import json
from collections.abc import Callable
from pathlib import Path

import miniature
import pytest

from asr.cli.main import main
from asr.manifest import write_manifest

Complaint = Callable[..., str]


def test_one_file(model: Path, speech: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", str(model), str(speech), "--text", "Yes go", "--tokens"]) == 0
    out, error = capsys.readouterr()
    found = json.loads(out)
    assert error == ""
    assert (found["id"], found["audio_filepath"], found["text"]) == ("speech", str(speech), "yes go")
    assert [word["word"] for word in found["words"]] == ["yes", "go"]
    assert [one["token"] for one in found["tokens"]] == ["y", "e", "s", "▁", "g", "o"]
    times = [word[side] for word in found["words"] for side in ("start", "end")]
    assert times == sorted(times)
    assert main(["align", str(model), str(speech), "--text", "Yes go", "--format", "ctm"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(*line[:2], line[4]) for line in lines] == [("speech", "1", "yes"), ("speech", "1", "go")]
    assert float(lines[0][2]) == times[0]
    assert float(lines[0][2]) + float(lines[0][3]) == pytest.approx(times[1])


def test_transcripts_have_the_same_words(
    model: Path, speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["align", str(model), str(speech), "--text", "yes go"]) == 0
    aligned = json.loads(capsys.readouterr().out)
    assert main(["transcribe", str(speech), str(speech), "--model", str(model), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == lines[1]
    assert lines[0]["text"] == "yes go"
    assert lines[0]["file"] == str(speech)
    assert lines[0]["words"] == [{**word, "confidence": None} for word in aligned["words"]]


def test_a_manifest(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    utterances = miniature.write_utterances(tmp_path / "audio", ["YES", "no ö", "GO GO"])
    write_manifest(tmp_path / "m.jsonl", utterances)
    assert main(["align", str(model), "--manifest", str(tmp_path / "m.jsonl")]) == 1
    out, error = capsys.readouterr()
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["u0", "u2"]
    first, last = error.splitlines()
    assert "u1.wav: 'no ö' has characters outside the alphabet: 'ö'" in first
    assert last == "asr: 1 of 3 utterances could not be aligned"


def test_mistakes(model: Path, speech: Path, tmp_path: Path, complaint: Complaint) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert "nothing to align" in complaint("align", model)
    assert "nothing to align" in complaint("align", model, speech)
    assert "leave out the file" in complaint("align", model, speech, "--manifest", empty)
    assert "no utterances in it" in complaint("align", model, "--manifest", empty)
    assert "gone.jsonl" in complaint("align", model, "--manifest", tmp_path / "gone.jsonl")
    assert "--tokens is for" in complaint(
        "align", model, speech, "--text", "go", "--tokens", "--format", "ctm"
    )
    assert "tokens need" in complaint("align", model, speech, "--text", "yes " * 60)
    assert "no model here" in complaint("align", tmp_path / "gone", speech, "--text", "go")
    assert "add --json" in complaint("transcribe", speech, "--model", model, "--confidence", "c.json")
    assert "carries no search" in complaint("transcribe", speech, "--model", model, "--decoder", "beam")
