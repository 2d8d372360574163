"""The same transcripts from a Ray cluster; here a local one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import miniature
import pytest
import soundfile

from asr.errors import AsrError
from asr.transcribe.cluster import transcribe_on_cluster

CODE = """
import json, os, sys
from asr.errors import AudioError
from asr.transcribe.cluster import transcribe_on_cluster
model, *files = sys.argv[1:]
found = transcribe_on_cluster(model, files, actors=1)
said = [[str(path), str(result) if isinstance(result, AudioError) else result.text] for path, result in found]
print(json.dumps({"said": said, "torch": "torch" in sys.modules, "statistics": os.environ["RAY_USAGE_STATS_ENABLED"]}))
"""


@pytest.mark.slow
def test_files_on_a_local_cluster(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """In order, with the names as they were given; a bad file does not stop the others; nothing is left behind."""
    run = miniature.trained(tmp_path_factory.getbasetemp())[1]
    names = []
    for number, text in enumerate(("GO", "NO SEE", "YES")):
        names.append(f"{number}.wav")
        soundfile.write(tmp_path / names[-1], miniature.speech(text, names[-1]), miniature.RATE)
    files = [*names[:2], "gone.wav", *names[2:]]
    environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    with tempfile.TemporaryDirectory() as temporary:  # not deep down, or it is not used
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(run), *files],
            capture_output=True, text=True, timeout=200, cwd=tmp_path, env=environment | {"TMPDIR": temporary},
        )  # fmt: skip
        left = list(Path(temporary).iterdir())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    missing = "gone.wav: no such file; check the path"
    assert found == {
        "said": [["0.wav", "go"], ["1.wav", "no see"], ["gone.wav", missing], ["2.wav", "yes"]],
        "torch": False,
        "statistics": "0",
    }
    assert left == []


def test_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(AsrError, match=r"Ray is not installed; pip install 'attest-asr\[ray\]'"):
        list(transcribe_on_cluster(tmp_path, ["a.wav"]))
