"""`asr transcribe` that writes files, hears channels, reads standard input and prints as it goes."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile

from asr.cli.main import main

Complaint = Callable[..., str]
ASR = [sys.executable, "-m", "asr.cli.main", "transcribe"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with in/a.wav, which says go, and in/sub/b.flac, no."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name, text in (("a.wav", "GO"), ("sub/b.flac", "NO")):
        soundfile.write(
            tmp_path / "in" / name, miniature.speech(text, name), miniature.RATE, subtype="PCM_16"
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call_of_two(folder: Path) -> Path:
    """The first channel says yes go, the second no."""
    sides = [miniature.speech(text, text) for text in ("YES GO", "NO")]
    length = max(map(len, sides))
    path = folder / "call.wav"
    both = np.stack([np.resize(side, length) for side in sides], axis=1)
    soundfile.write(path, both, miniature.RATE)
    return path


def tree(folder: Path) -> dict[str, str]:
    """Texts of the files in a folder."""
    return {str(f.relative_to(folder)): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_a_folder_to_a_folder_and_again(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["transcribe", "in", "--model", str(model), "--output", "out", "--format", "txt,tsv"]
    assert main(line) == 0
    out, error = capsys.readouterr()
    assert (out, error) == ("", "asr: transcripts of 2 files written\n")
    found = tree(folder / "out")
    assert sorted(found) == ["in/a.tsv", "in/a.txt", "in/sub/b.tsv", "in/sub/b.txt"]
    assert (found["in/a.txt"], found["in/sub/b.txt"]) == ("go\n", "no\n")
    assert found["in/a.tsv"].splitlines()[1].endswith("\tgo")

    (folder / "out/in/a.txt").write_text("corrected by hand")
    (folder / "out/in/sub/b.tsv").unlink()
    assert main(line) == 0
    assert capsys.readouterr().err == (
        "asr: transcripts of 1 files written; 1 had theirs already (--overwrite writes them anew)\n"
    )
    assert tree(folder / "out") == {**found, "in/a.txt": "corrected by hand"}

    monkeypatch.setattr("asr.transcribe.transcriber.load_engine", None)  # nobody needs a model any more
    assert main(line) == 0
    assert "transcripts of 0 files written; 2 had theirs already" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert main([*line, "--overwrite"]) == 0
    assert tree(folder / "out") == found


def test_beside_with_broken_ones(model: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What can be done is done, also where two files have one output; a glob that the shell left."""
    (folder / "in/bad.wav").write_text("no sound")
    (folder / "in/a.ogg").write_bytes((folder / "in/a.wav").read_bytes())
    assert main(["transcribe", "in/**/*.*", "--model", str(model), "--beside", "--format", "vtt"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("asr: in/bad.wav: not audio")
    assert lines[1] == (
        "asr: in/a.wav: its transcript would be in/a.vtt, and so would that of in/a.ogg; rename one, or leave it out"
    )
    assert lines[2:] == ["asr: 2 of 4 files could not be transcribed", "asr: transcripts of 2 files written"]
    assert sorted(file.name for file in folder.rglob("*.vtt")) == ["a.vtt", "b.vtt"]


def test_one_that_cannot_be_written(model: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It does not keep the others from being written."""
    for name in (f"{'n' * 246}.wav", "c.wav", "d.wav"):
        (folder / "in" / name).write_bytes((folder / "in/a.wav").read_bytes())
    (folder / "in/c.txt").mkdir()
    line = ["transcribe", "in", "n" * 300, "--model", str(model), "--beside"]
    assert main([*line, "--overwrite"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "asr: in/c.txt: cannot be written: Is a directory"
    for number, name in ((1, f"in/{'n' * 246}.wav"), (2, "n" * 300)):
        assert lines[number].startswith(f"asr: {name}: the name of its transcript, n")
        assert lines[number].endswith(".txt, is too long; rename it")
    assert lines[3:] == ["asr: 3 of 6 files could not be transcribed", "asr: transcripts of 3 files written"]
    assert {file.name for file in folder.rglob("*.txt")} == {"a.txt", "b.txt", "c.txt", "d.txt"}


def test_a_full_disk(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends all at once."""

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("asr.files.os.fsync", no_room)
    assert main(["transcribe", "in", "--model", str(model), "--beside"]) == 1
    *_, last = lines = capsys.readouterr().err.splitlines()
    assert last == "asr: in/a.txt: cannot be written: No space left on device"
    assert len(lines) == 2 and {file.name for file in (folder / "in").iterdir()} == {"a.wav", "sub"}


@pytest.mark.parametrize("processes", [[], ["--processes", "1"]])
def test_each_channel(
    model: Path, call_of_two: Path, folder: Path, capsys: pytest.CaptureFixture[str], processes: list[str]
) -> None:
    sides, rate = soundfile.read(call_of_two, dtype="float32")
    soundfile.write(folder / "left.wav", sides[:, 0], rate)
    soundfile.write(folder / "right.wav", sides[:, 1], rate)
    assert main(["transcribe", "left.wav", "right.wav", "--model", str(model)]) == 0
    said = [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()]
    assert "yes" in said[0] and "no" in said[1]
    line = ["transcribe", "--model", str(model), "--channels", "each", *processes]
    assert main([*line, "call.wav"]) == 0
    assert capsys.readouterr().out == f"1\t{said[0]}\n2\t{said[1]}\n"
    assert main([*line, "call.wav", "in/a.wav", "gone.wav"]) == 1
    out, error = capsys.readouterr()
    assert out == f"call.wav\t1\t{said[0]}\ncall.wav\t2\t{said[1]}\nin/a.wav\t1\tgo\n"
    assert error.splitlines()[-1] == "asr: 1 of 3 files could not be transcribed"
    if not processes:
        assert main([*line, "call.wav", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["channels"], found["text"]) == (2, "\n".join(said))
        assert [one["channel"] for one in found["segments"]] == [1, 2]


def test_standard_input(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it were a file; nothing is left behind."""
    sound, scratch = (folder / "in/a.wav").read_bytes(), folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))

    def done(*options: str, given: bytes = sound) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        status = main(["transcribe", "--model", str(model), "-", *options])
        return status, *capsys.readouterr()

    assert done() == (0, "go\n", "")
    assert done("in/sub/b.flac") == (0, "-\tgo\nin/sub/b.flac\tno\n", "")
    assert done("--output", "out") == (0, "", "asr: transcripts of 1 files written\n")
    assert tree(folder / "out") == {"stdin.txt": "go\n"}
    status, out, error = done(given=b"")
    assert (status, out) == (1, "")
    assert error.startswith("asr: -: the file is empty")
    assert list(scratch.iterdir()) == []


def test_stream_prints_the_same(model: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Many small parts of a long file, one after the other; then the file is whole."""
    parts = [miniature.speech(text, f"{n}") for n, text in enumerate(["YES", "NO", "GO", "NO"] * 45)]
    soundfile.write(folder / "long.wav", np.concatenate(parts), miniature.RATE)
    assert soundfile.info(folder / "long.wav").duration > 61  # heard in windows
    line = ["transcribe", "--model", str(model), "--segmentation", "windows"]
    for files in (["long.wav"], ["in", "gone.wav", "long.wav"]):
        assert main([*line, *files]) == len(files) // 2
        whole = capsys.readouterr()
        assert len(whole.out) > 100
        assert main([*line, *files, "--stream"]) == len(files) // 2
        assert capsys.readouterr() == whole
    assert main([*line, "long.wav", "--stream", "--beside"]) == 0
    assert capsys.readouterr().out == (folder / "long.txt").read_text()


def test_what_is_printed_while_it_is_heard(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all of it at the end."""
    from asr.transcribe.transcript import Part, Transcript

    printed: list[str] = []

    class Recording:
        def add(self, piece: object, _log_probs: object) -> list[Part]:
            printed.append(sys.stdout.getvalue())  # type: ignore[attr-defined]
            return [Part("so far", (), 0.0, 1.0)]

        def finished(self) -> Transcript:
            return Transcript("", 0.0)

    from asr.transcribe.transcriber import Transcriber

    monkeypatch.setattr(Transcriber, "recording", lambda _: Recording())
    monkeypatch.setattr(Transcriber, "pieces", lambda *_: _three_pieces())
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    main(["transcribe", "in/a.wav", "--model", str(model), "--stream"])
    assert printed == ["", "so far", "so far so far"]


def _three_pieces() -> list[object]:
    from asr.transcribe.reading import Piece

    return [Piece(0, np.zeros(miniature.RATE, np.float32), last=number == 2) for number in range(3)]


def test_interrupted_while_it_writes(model: Path, folder: Path) -> None:
    """Nothing half, and the next call goes on."""
    line = ["env", "--default-signal=INT", *ASR, "--list", "-", "--model", str(model), "--output", "out"]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as it:
        assert it.stdin is not None and it.stderr is not None
        it.stdin.write("in/a.wav\n")
        it.stdin.flush()
        until = time.monotonic() + 200
        while not (folder / "out/in/a.txt").exists() and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(it.pid, signal.SIGINT)
        assert it.wait(200) == 130
        assert it.stderr.read().splitlines()[-1] == "asr: interrupted"
    assert tree(folder / "out") == {"in/a.txt": "go\n"}


def test_mistakes(model: Path, folder: Path, complaint: Complaint) -> None:
    (folder / "file").touch()
    asked = ("transcribe", "--model", model, "in/a.wav")
    for words, expected in [
        (["--format", "txt,srt"], "several formats do not go to the screen: add --output FOLDER or --beside"),
        (["in/sub/b.flac", "--format", "srt"], "--format srt of several files does not go to the screen"),
        (["--format", "srt", "--json"], "leave out one of them"),
        (["--overwrite"], "--overwrite is about files"),
        (["--output", "file"], "--output file: cannot be made (File exists); give a folder"),
        (["--stream", "--processes", "2"], "--stream is for one process and mixed channels"),
        (["--stream", "--json"], "--stream prints text"),
        (["--format", "srt", "--confidence", "posterior"], "add --json, or one of --format json,jsonl,ctm"),
        (["-", "--list", "-"], "standard input can be read once"),
        (["-", "--beside"], "nothing beside standard input"),
    ]:
        assert expected in complaint(*asked, *words)
    with pytest.raises(SystemExit):
        main([str(word) for word in (*asked, "--format", "doc")])
    with pytest.raises(SystemExit):
        main([str(word) for word in (*asked, "--output", "out", "--beside")])


def test_help_knows_all_formats() -> None:
    """It has a list of its own, so that `asr --help` need not import them."""
    from asr.cli.transcribe import FORMATS
    from asr.transcribe.files.formats import FORMATS as KNOWN

    assert tuple(KNOWN) == FORMATS


def test_confidence_of_the_model_itself(
    model: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["transcribe", "in/a.wav", "--model", str(model), "--confidence", "posterior"]
    assert main([*line, "--json"]) == 0
    (word,) = json.loads(capsys.readouterr().out)["words"]
    assert 0 < word["confidence"] <= 1
    assert main([*line, "--format", "ctm"]) == 0
    assert capsys.readouterr().out.split()[-1] == f"{word['confidence']:.4f}"
