"""Where transcripts go, and what is left alone."""

import os
from pathlib import Path, PurePath

import pytest

from asr.errors import AsrError, StorageError
from asr.transcribe.files.names import Named
from asr.transcribe.files.outputs import Outputs
from asr.transcribe.transcript import Transcript

HEARD = Transcript("yes", 1.0)


@pytest.mark.parametrize(
    ("path", "folder", "place"),
    [
        ("talk.wav", "", "talk"),
        ("a/talk.wav", "", "a/talk"),
        ("./a/talk.wav", "", "a/talk"),
        ("a/talk.wav", "a", "a/talk"),
        ("/data/a/b/talk.wav", "/data/a", "a/b/talk"),
        ("/data/talk.wav", "", "talk"),
        ("../x/a/talk.wav", "../x", "x/a/talk"),
        ("../talk.wav", "", "talk"),
        ("talk.v2.WAV", "", "talk.v2"),
        ("talk.2024", "", "talk.2024"),
        ("-", "", "stdin"),
    ],
)
def test_places(path: str, folder: str, place: str) -> None:
    assert Named(path, folder).place == PurePath(place)


def test_folders_do_not_meet(tmp_path: Path) -> None:
    outputs = Outputs(("txt", "srt"), tmp_path / "out")
    for path in ("a/x.wav", "b/x.wav"):
        outputs.write(outputs.claim(Named(path)), path, HEARD)
    found = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*"))
    assert found == ["out/a/x.srt", "out/a/x.txt", "out/b/x.srt", "out/b/x.txt"]


def test_two_inputs_with_one_output(tmp_path: Path) -> None:
    """Also when it is there already, and the first one therefore done; the same one again is nothing new."""
    (tmp_path / "x.txt").touch()
    outputs = Outputs(("txt",), None)
    assert outputs.claim(Named(f"{tmp_path}/x.wav")) == {}
    assert outputs.claim(Named(f"{tmp_path}/x.wav")) == {}
    with pytest.raises(AsrError) as caught:
        outputs.claim(Named(f"{tmp_path}/x.mp3"))
    assert str(caught.value) == (
        f"{tmp_path}/x.mp3: its transcript would be {tmp_path}/x.txt, and so would that of {tmp_path}/x.wav; "
        "rename one, or leave it out"
    )


@pytest.mark.parametrize(
    ("first", "second", "advice"),
    [
        ("/a/x.wav", "/b/x.wav", "give their folders instead of them"),
        ("a/x.wav", "a/x.mp3", "rename one, or leave it out"),
    ],
)
def test_two_inputs_with_one_output_in_a_folder(tmp_path: Path, first: str, second: str, advice: str) -> None:
    outputs = Outputs(("txt",), tmp_path)
    outputs.claim(Named(first))
    with pytest.raises(AsrError, match=f"that of {first}; {advice}"):
        outputs.claim(Named(second))


def test_one_file_spelled_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is heard once, and is no second input."""
    monkeypatch.chdir(tmp_path)
    outputs = Outputs(("txt",), None)
    assert list(outputs.claim(Named("x.wav"))) == ["txt"]
    for again in ("x.wav", "./x.wav", str(tmp_path / "x.wav"), f"../{tmp_path.name}/x.wav"):
        assert outputs.claim(Named(again)) == {}
    with pytest.raises(AsrError, match="and so would that of x.wav"):
        outputs.claim(Named(f"{tmp_path}/x.mp3"))
    (tmp_path / "y").symlink_to("x")  # has nothing to do with y.txt
    assert list(outputs.claim(Named("y.wav"))) == ["txt"]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    """Known before it is heard; the longest that is possible can be written."""
    outputs = Outputs(("txt", "jsonl"), None)
    for length in (234, 235):
        named = Named(str(tmp_path / f"{'n' * length}.wav"))
        if length == 235:
            with pytest.raises(StorageError, match="is too long; rename it"):
                outputs.claim(named)
        else:
            outputs.write(outputs.claim(named), named.path, HEARD)
            assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    named = Named(str(tmp_path / "x.wav"))
    (tmp_path / "x.txt").write_text("mine")
    outputs = Outputs(("txt", "tsv"), None)
    files = outputs.claim(named)
    assert files == {"tsv": tmp_path / "x.tsv"}
    outputs.write(files, named.path, HEARD)
    assert (tmp_path / "x.txt").read_text() == "mine"
    assert Outputs(("txt", "tsv"), None).claim(named) == {}
    again = Outputs(("txt", "tsv"), None, overwrite=True)
    again.write(again.claim(named), named.path, HEARD)
    assert (tmp_path / "x.txt").read_text() == "yes\n"
    (tmp_path / "y.txt").symlink_to("nowhere")  # writing would replace it
    assert Outputs(("txt",), None).claim(Named(str(tmp_path / "y.wav"))) == {}


def test_what_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.touch()
    os.utime(file, (1000, 1000))
    named, outputs = Named(str(tmp_path / "x.wav")), Outputs(("txt",), None)
    assert outputs.missing(named, since=1001.0) == {}
    assert outputs.missing(named, since=999.0) == {"txt": file}


def test_no_place_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known before anything is computed."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=f"--output {tmp_path}/file: cannot be made"):
        Outputs(("txt",), tmp_path / "file").prepare()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may do everything
    with pytest.raises(StorageError, match="may not be written to; give another folder"):
        Outputs(("txt",), tmp_path / "out").prepare()
    with pytest.raises(StorageError, match="its folder may not be written to; give --output FOLDER"):
        Outputs(("txt",), None).claim(Named(str(tmp_path / "x.wav")))
