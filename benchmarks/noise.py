"""Noise that stands in for speech: a benchmark of time needs no words, and no corpus."""

from pathlib import Path
from typing import Any


def utterances(folder: Path, count: int, shortest: float, longest: float) -> list[Any]:
    """Writes WAV files of `shortest` to `longest` seconds at 16 kHz, with texts of ten letters a second."""
    import soundfile

    from asr.manifest import Utterance
    from asr.randomness import numpy_generator

    generator = numpy_generator(1, "benchmark")
    found = []
    for number in range(count):
        samples = int(16_000 * generator.uniform(shortest, longest))
        path = folder / f"{number}.wav"
        soundfile.write(path, 0.1 * generator.standard_normal(samples), 16_000, subtype="PCM_16")
        text = "".join(generator.choice(list("abcdefghijklmnopqrstuvwxyz "), size=samples // 1600).tolist())
        found.append(Utterance(str(number), str(path), samples / 16_000, f"a{text}b", speaker="noise"))
    return found
