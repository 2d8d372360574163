"""`asr crate` as a user meets it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main
from asr.runs.record import read_record

Complaint = Callable[..., str]


def described(crate: Path) -> dict[str, dict[str, Any]]:
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_crate(trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "crate"
    assert main(["crate", str(trained[1]), "--out", str(out), "--license", "CC-BY-4.0"]) == 0
    printed, error = capsys.readouterr()
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if path.name != "ro-crate-metadata.json")
    assert printed == f"{out}: crate with {len(files) - 1} files and their description, {size / 1e6:.1f} MB\n"
    assert error == ""
    assert (out / "model" / "weights.safetensors").is_file()
    assert described(out)["./"]["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert "text" not in json.loads((out / "utterances.json").read_text())[0]


def test_options(trained: tuple[Path, Path], tmp_path: Path) -> None:
    words = [
        "--license",
        "MIT",
        "--agent",
        "Ada Lovelace",
        "--orcid",
        "0000-0002-1825-0097",
        "--no-weights",
        "--texts",
    ]
    assert main(["crate", str(trained[1]), "--out", str(tmp_path / "crate"), *words]) == 0
    assert not (tmp_path / "crate" / "model" / "weights.safetensors").exists()
    assert json.loads((tmp_path / "crate" / "utterances.json").read_text())[0]["text"]
    person = described(tmp_path / "crate")["https://orcid.org/0000-0002-1825-0097"]
    assert person == {"@id": person["@id"], "@type": "Person", "name": "Ada Lovelace"}


def test_a_crate_can_be_shown_and_heard_with(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, run = trained
    assert main(["crate", str(run), "--out", str(tmp_path / "crate"), "--license", "MIT"]) == 0
    capsys.readouterr()
    assert main(["show", str(tmp_path / "crate"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_record(run).model_dump(mode="json")
    audio = sorted(corpus.rglob("*.wav"))[0]
    assert main(["transcribe", str(audio), "--model", str(tmp_path / "crate")]) == 0
    heard = capsys.readouterr().out
    assert main(["transcribe", str(audio), "--model", str(run)]) == 0
    assert heard == capsys.readouterr().out != ""


def test_no_run_there(tmp_path: Path, complaint: Complaint) -> None:
    (tmp_path / "empty").mkdir()
    options = ("--out", tmp_path / "crate", "--license", "MIT")
    assert "no run here (no record.json)" in complaint("crate", tmp_path / "empty", *options)
    assert "no run folder" in complaint("crate", tmp_path / "gone", *options)


def test_a_folder_in_use(trained: tuple[Path, Path], complaint: Complaint) -> None:
    assert "choose another --out" in complaint("crate", trained[1], "--out", trained[1], "--license", "MIT")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--license", "CC BY"), "expected an SPDX identifier"),
        (
            ("--license", "MIT", "--agent", "Ada", "--orcid", "0000-0002-1825-0098"),
            "its check digit is wrong",
        ),
        (("--license", "MIT", "--orcid", "0000-0002-1825-0097"), "--agent"),
    ],
)
def test_what_cannot_be(
    trained: tuple[Path, Path], tmp_path: Path, complaint: Complaint, words: tuple[str, ...], expected: str
) -> None:
    assert expected in complaint("crate", trained[1], "--out", tmp_path / "crate", *words)
    assert not (tmp_path / "crate").exists()


def test_nothing_is_licensed_by_default(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["crate", str(trained[1]), "--out", str(tmp_path / "crate")])
    assert left.value.code == 2
    assert "--license" in capsys.readouterr().err


def test_no_library_of_others_is_needed(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Neither torch, which takes seconds, nor those that the tests read crates with."""
    code = (
        "import sys\n"
        "from asr.cli.main import main\n"
        f"assert main(['crate', {str(trained[1])!r}, '--out', {str(tmp_path / 'crate')!r}, '--license', 'MIT']) == 0\n"
        "loaded = {'torch', 'rocrate', 'rocrate_validator', 'rdflib', 'pandas', 'mlcroissant', 'requests'}\n"
        "assert not loaded & sys.modules.keys(), loaded & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200, stdout=subprocess.DEVNULL)
