"""What gets into a crate, and what is refused."""

import getpass
import hashlib
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.errors import RunError, StorageError
from asr.model.bundle import load_bundle
from asr.publish import export as exporting
from asr.publish.export import Contents, export
from asr.publish.publication import Publication
from asr.runs.record import read_record, write_record

Publish = Callable[..., Path]
Files = Callable[[Path], dict[str, bytes]]
Entities = Callable[[Path], dict[str, dict[str, Any]]]


def test_files_are_those_of_the_run(crate: Path, trained: Path, contents: Files, entities: Entities) -> None:
    files, described = contents(crate), entities(crate)
    for path, data in files.items():
        if path != "ro-crate-metadata.json":
            assert described[path]["sha256"] == hashlib.sha256(data).hexdigest(), path
            assert described[path]["contentSize"] == str(len(data)), path
    ours = {"record.json", *read_record(trained).files}
    assert files.keys() == ours | {"ro-crate-metadata.json", "croissant.json", "utterances.json"}
    assert {path: files[path] for path in ours} == {path: (trained / path).read_bytes() for path in ours}


def test_no_place_of_this_machine_is_told(
    crate: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory, contents: Files
) -> None:
    everything = b"\n".join(contents(crate).values())
    telling = [str(tmp_path_factory.getbasetemp()), str(trained), str(Path.home()), socket.gethostname()]
    assert [word for word in telling if word.encode() in everything] == []
    # A name such as "root" may be part of any word, so only the places where names of users stand are looked at.
    user = getpass.getuser()
    assert not any(word.encode() in everything for word in (f"/{user}/", f'"{user}"', f"{user}@"))
    assert b"manifests/" not in everything and b"audio_filepath" not in everything


def test_the_same_bytes_again(crate: Path, trained: Path, tmp_path: Path, contents: Files) -> None:
    publication = Publication("CC-BY-4.0", "Ada Lovelace", "https://orcid.org/0000-0002-1825-0097")
    export(trained, tmp_path / "again", publication, Contents(texts=True))
    assert contents(tmp_path / "again") == contents(crate)


def test_a_crate_is_still_a_run(crate: Path, trained: Path) -> None:
    assert read_record(crate) == read_record(trained)
    assert load_bundle(crate / "model").description == load_bundle(trained / "model").description


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_only_a_complete_run(run: Path, tmp_path: Path, status: str) -> None:
    write_record(run, read_record(run).model_copy(update={"status": status, "results": {}, "model": None}))
    with pytest.raises(RunError, match=f"{run}: {status}, and only a complete run is published"):
        export(run, tmp_path / "crate", Publication("CC0-1.0"))


def test_a_record_by_itself_is_not_enough(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder"):
        export(run / "record.json", tmp_path / "crate", Publication("CC0-1.0"))


@pytest.mark.parametrize("path", ["recipe.toml", "model/weights.safetensors", "hypotheses/test.jsonl"])
@pytest.mark.parametrize("harm", ["missing", "altered"])
def test_a_file_that_is_not_the_one_of_the_record(run: Path, tmp_path: Path, path: str, harm: str) -> None:
    if harm == "missing":
        (run / path).unlink()
    else:
        data = bytearray((run / path).read_bytes())
        data[len(data) // 2] ^= 1
        (run / path).write_bytes(data)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RunError, match=f"{run / path}: {harm}"):
        export(run, tmp_path / "crate", Publication("CC0-1.0"))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("harm", ["missing", "another digest", "another duration", "another id"])
def test_a_manifest_that_is_not_the_one_of_the_record(run: Path, tmp_path: Path, harm: str) -> None:
    path = run / "manifests" / "dev.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    tree = json.loads(first)
    tree |= {"another digest": {"digest": "0" * 64}, "another duration": {"duration": 9.0}}.get(
        harm, {"id": "x"}
    )
    path.write_text("".join([json.dumps(tree) + "\n", *others]))
    if harm == "missing":
        path.unlink()
    with pytest.raises(RunError, match=f"{path}: {'missing' if harm == 'missing' else 'altered'}"):
        export(run, tmp_path / "crate", Publication("CC0-1.0"))


def test_a_record_that_was_edited(run: Path, tmp_path: Path) -> None:
    tree = json.loads((run / "record.json").read_text())
    tree["results"]["test"]["wer"] = 0.001
    (run / "record.json").write_text(json.dumps(tree))
    with pytest.raises(RunError, match=r"altered since the run was over \(results.test\)"):
        export(run, tmp_path / "crate", Publication("CC0-1.0"))
    (run / "record.json").write_text(json.dumps(tree | {"seal": {}}))
    with pytest.raises(RunError, match="altered since the run was over"):
        export(run, tmp_path / "crate", Publication("CC0-1.0"))


def test_records_of_format_1_have_no_seal(run: Path, tmp_path: Path) -> None:
    tree = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps(tree | {"format": 1, "seal": {}}))
    assert export(run, tmp_path / "crate", Publication("CC0-1.0"))


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/hostname", "model/../../outside", "ro-crate-metadata.json", ""]
)
def test_a_record_cannot_name_any_file(publish: Publish, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").write_text("secret")
    with pytest.raises(RunError, match="which is no file of a run"):
        publish(files={path: hashlib.sha256(b"secret").hexdigest()})
    assert not (tmp_path / "crate").exists()


def test_a_folder_in_use_is_left_alone(trained: Path, tmp_path: Path, contents: Files) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    for out in (tmp_path / "mine", tmp_path / "mine" / "letter"):
        with pytest.raises(RunError, match="already there and not empty"):
            export(trained, out, Publication("CC0-1.0"))
    assert contents(tmp_path) == {"mine/letter": b"dear"}


def test_an_empty_folder_will_do(trained: Path, tmp_path: Path, contents: Files) -> None:
    (tmp_path / "crate").mkdir()
    assert len(export(trained, tmp_path / "crate", Publication("CC0-1.0"))) + 1 == len(
        contents(tmp_path / "crate")
    )


def test_a_failure_leaves_nothing(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "describe_run", full)
    with pytest.raises(StorageError, match="crate: cannot be written: No space left on device"):
        export(trained, tmp_path / "crate", Publication("CC0-1.0"))
    assert list(tmp_path.iterdir()) == []
