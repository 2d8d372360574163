"""Where somebody speaks: the probability of speech, every 32 ms, by Silero's small recurrent network.

    listening = VoiceActivity().stream(16_000)
    listening(samples)    # (n,) probabilities of the next n frames of 32 ms that are complete

The network and its weights are a file of the package silero-vad, computed by onnxruntime (asr.engine.runtime); the
extra `vad` installs both. The package itself is not imported (it brings torchaudio).

Silero Team, Silero VAD: pre-trained enterprise-grade voice activity detector, 2024, https://github.com/snakers4/silero-vad
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.audio import resampler
from asr.engine.runtime import session
from asr.errors import AsrError
from asr.sound_file import Samples

Probabilities = npt.NDArray[np.float32]

FRAME = 0.032  # seconds
_FRAME = {8_000: 256, 16_000: 512}  # samples, by the rates that the network knows
_CONTEXT = {8_000: 32, 16_000: 64}  # samples before each frame that it hears, too
_NETWORK = Path("data", "silero_vad.onnx")
_INSTALL = "pip install 'attest-asr[vad]'"


def installed() -> bool:
    """Whether the extra `vad` is there. Nothing is loaded."""
    return _network() is not None and importlib.util.find_spec("onnxruntime") is not None


class VoiceActivity:
    """The network, loaded once; any number of recordings may be listened to at the same time, in any threads.

    Raises:
        AsrError: the extra `vad` is not installed.
    """

    def __init__(self) -> None:
        network = _network()
        if network is None or importlib.util.find_spec("onnxruntime") is None:
            missing = "silero-vad" if network is None else "onnxruntime"
            raise AsrError(f"voice activity: {missing} is not installed; {_INSTALL}")
        self._session = session(str(network))

    def stream(self, sample_rate: int) -> "SpeechStream":
        """For one recording.

        Args:
            sample_rate: Hz of its samples. 8 and 16 kHz are heard as they are, others are resampled to one of these.
        """
        return SpeechStream(self._session, sample_rate)


class SpeechStream:
    """One recording, block after block; the blocks' lengths do not matter."""

    def __init__(self, session: Any, sample_rate: int) -> None:
        self._session = session
        self._rate = 16_000 if sample_rate >= 16_000 else 8_000
        self._resampler = resampler(sample_rate, self._rate)
        self._size, self._context = _FRAME[self._rate], _CONTEXT[self._rate]
        # What the network has to be given before the next frame, and what there is of that frame.
        self._held: Samples = np.zeros(self._context, np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    def __call__(self, samples: Samples, last: bool = False) -> Probabilities:
        """
        Args:
            samples: (samples,) float32, -1 to 1.
            last: nothing comes after them: what is left of a frame counts as one.

        Returns:
            (frames,) of speech in the frames that are complete now. The n-th of a recording is about the seconds from
            n * 0.032 to (n + 1) * 0.032; a resampled one comes a little later than its samples.
        """
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)
        held = np.concatenate([self._held, samples.astype(np.float32, copy=False)])
        rest = (len(held) - self._context) % self._size
        if last and rest:
            held = np.concatenate([held, np.zeros(self._size - rest, np.float32)])
        found = []
        frames = (len(held) - self._context) // self._size
        for begin in range(0, frames * self._size, self._size):
            block = held[None, begin : begin + self._context + self._size]
            inputs = {"input": block, "state": self._state, "sr": np.array(self._rate, np.int64)}
            probability, self._state = self._session.run(None, inputs)
            found.append(probability[0, 0])
        self._held = held[frames * self._size :].copy()
        return np.array(found, np.float32)


def _network() -> Path | None:
    """The file, in a package that is found and not imported."""
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _NETWORK
    return path if path.is_file() else None
