"""Sound in the formats of other programs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.randomness import numpy_generator

RATE = 8000  # Hz


def _sound(path: Path, seconds: float = 0.25, channels: int = 1) -> Path:
    """Noise, other for every name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (round(seconds * RATE), channels)
    samples = numpy_generator(1, "exchange", path.name).integers(-9000, 9000, shape).astype(np.int16)
    soundfile.write(path, samples, RATE)
    return path


@pytest.fixture
def sound() -> Callable[..., Path]:
    """Writes a file and gives back its path."""
    return _sound
