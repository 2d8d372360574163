"""Other ways to hear an utterance: with noise, slower, faster. A good model errs too rarely to learn from it alone."""

from dataclasses import dataclass

import numpy as np

from asr.augment import add_noise, change_speed
from asr.recipe import Augment


@dataclass(frozen=True)
class Change:
    """What is done to a waveform."""

    speed: float = 1.0  # factor
    snr: tuple[float, float] | None = None  # dB, signal to noise

    @property
    def name(self) -> str:
        """ "speed 0.85", "noise at 0 to 10 dB" """
        return (
            f"speed {self.speed:g}" if self.snr is None else f"noise at {self.snr[0]:g} to {self.snr[1]:g} dB"
        )

    def __call__(self, samples: np.ndarray, sample_rate: int, seed: int, utterance: str) -> np.ndarray:
        """(samples,) float32 to (other samples,), drawn by seed and utterance."""
        spedup = change_speed(samples, sample_rate, self.speed)
        if self.snr is None:
            return spedup
        noise = Augment(noise_probability=1.0, noise_snr=self.snr)
        return add_noise(spedup, noise, seed, 0, f"{utterance} {self.name}")


CHANGES = (
    Change(snr=(10.0, 20.0)),
    Change(snr=(0.0, 10.0)),
    Change(speed=0.85),
    Change(speed=1.15),
)
