"""Audio to text with a trained model, from Python."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from asr.audio import Audio, read_audio, resample
from asr.errors import AudioError
from asr.model.bundle import Bundle, load_bundle
from asr.numerics import choose_device, warm_up
from asr.transcribe.hear import hear


@dataclass(frozen=True)
class Transcript:
    """What was heard in one file."""

    text: str
    seconds: float  # of audio


class Transcriber:
    """Transcribes files of any sample rate and channel count, or mono arrays of any sample rate.

        from asr import Transcriber

        transcriber = Transcriber("runs/an4")
        print(transcriber("speech.flac").text)

    Args:
        model: a bundle folder, or the folder of a run that holds one.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        BundleError: no model there, or it is damaged.
    """

    def __init__(self, model: str | Path, *, device: str = "auto") -> None:
        self.device = choose_device(device)
        self.bundle: Bundle = load_bundle(find_bundle(Path(model)))
        self.model = self.bundle.model.to(self.device)

    @property
    def sample_rate(self) -> int:
        """Hz, what the model hears; other rates are resampled."""
        return self.bundle.description.front_end.sample_rate

    def __call__(self, audio: str | Path | Audio) -> Transcript:
        """Transcribes one file, or samples with their rate.

        Raises:
            AudioError: the file cannot be read, is cut off or holds no sample.
        """
        samples = self._samples(audio)
        (text,) = hear(self.model, self.bundle.tokenizer, [samples])
        return Transcript(text, len(samples) / self.sample_rate)

    def many(
        self, files: Sequence[str | Path], *, workers: int = 1
    ) -> Iterator[tuple[Path, Transcript | AudioError]]:
        """Transcribes files in order; one that fails yields its error, and the rest goes on."""
        if self.device.type == "cuda":
            workers = 1  # a device computes one file at a time, and its memory holds one
        warm_up()
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from zip(map(Path, files), pool.map(self._try, files), strict=True)

    def _try(self, file: str | Path) -> Transcript | AudioError:
        try:
            return self(file)
        except AudioError as error:
            return error

    def _samples(self, audio: str | Path | Audio) -> np.ndarray:
        if not isinstance(audio, Audio):
            return read_audio(audio, sample_rate=self.sample_rate).samples
        if audio.samples.ndim != 1:
            raise AudioError(
                f"expected samples of shape (samples,), got {audio.samples.shape}; average the channels"
            )
        if len(audio.samples) == 0:
            raise AudioError("the array holds no samples")
        if not np.isfinite(audio.samples).all():
            raise AudioError("the array holds samples that are no finite numbers")
        return resample(audio.samples, audio.sample_rate, self.sample_rate)


def find_bundle(folder: Path) -> Path:
    """A bundle itself, or the one inside a run."""
    inside = folder / "model"
    return inside if (inside / "model.json").is_file() else folder
