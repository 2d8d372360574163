"""Every block of Python in docs/python.md, in order, as it stands there, with a miniature model."""

import re
from pathlib import Path

import miniature
import pytest
import soundfile

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
TEXT = "YES GO ONE"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page takes for granted: a run, and some files."""
    run = miniature.trained(tmp_path_factory.getbasetemp())[1]
    folder = tmp_path_factory.mktemp("page")
    (folder / "runs").mkdir()
    (folder / "runs" / "an4").symlink_to(run)
    for name in ("speech.flac", "a.wav", "b.wav", "talk.wav"):
        soundfile.write(folder / name, miniature.speech(TEXT, "spoken"), miniature.RATE, subtype="PCM_16")
    return folder


def test_every_block_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 8
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"__name__": "page"}
    printed = []
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
        printed.append(capsys.readouterr().out.lower())
    text = TEXT.lower()
    assert printed[0] == f"{text}\n"
    assert re.findall(r"[\d.]+ +[\d.]+ (\w+) [\d.]+\n", printed[1]) == text.split()
    assert printed[1].endswith(f" {text}\n")  # the one segment
    assert printed[2] == 3 * f"{text}\n"
    assert printed[3] == 2 * f"{text}\n"
    assert printed[4] == f"a.wav {text}\nfailed: missing.wav: no such file; check the path\nb.wav {text}\n"
    assert re.fullmatch(rf"0\.0 to [\d.]+: {text}\n", printed[5])
    assert printed[6] == f"{text}\n"
    assert printed[7].startswith("no/such/model: no model here")
