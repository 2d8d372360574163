"""What is heard to check an export: a manifest, the development part of the run, or else sound that is made up."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.audio import read_audio
from asr.errors import ManifestError
from asr.manifest import Utterance, read_manifest
from asr.model.exported import Audio, Source
from asr.randomness import numpy_generator
from asr.shard_file import shard_of
from asr.sound_file import Samples
from asr.text import TextVersion, normalise

SYNTHETIC = 16  # utterances
SHORTEST, LONGEST = 0.1, 8.0  # seconds of one of them


@dataclass(frozen=True)
class Said:
    """An utterance, and what is said in it as the model writes it."""

    id: str
    speaker: str
    reference: str  # "" of sound that is made up
    samples: Samples


@dataclass(frozen=True)
class Material:
    """Utterances to be heard; their sound is read when it is wanted."""

    source: Source
    sample_rate: int  # Hz
    text: TextVersion
    utterances: Sequence[Utterance]  # none: synthetic

    def __len__(self) -> int:
        return len(self.utterances) or SYNTHETIC

    def __iter__(self) -> Iterator[Said]:
        """Raises AudioError if a file cannot be read; it names it."""
        if not self.utterances:
            yield from _made_up(self.sample_rate)
        for u in self.utterances:
            audio = read_audio(
                u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=self.sample_rate
            )
            yield Said(u.id, u.speaker, normalise(u.text, self.text), audio.samples)


class Heard:
    """Adds up what was heard."""

    def __init__(self, material: Material) -> None:
        self._material, self._digest = material, hashlib.sha256()
        self._samples, self._words, self._utterances = 0, 0, 0

    def add(self, said: Said) -> None:
        self._digest.update(f"{said.id}\t{said.reference}\t{len(said.samples)}\n".encode())
        self._digest.update(np.ascontiguousarray(said.samples, "<f4").tobytes())
        self._samples += len(said.samples)
        self._words += len(said.reference.split())
        self._utterances += 1

    def audio(self) -> Audio:
        seconds = round(self._samples / self._material.sample_rate, 3)
        digest = self._digest.hexdigest()
        return Audio(
            source=self._material.source,
            digest=digest,
            utterances=self._utterances,
            seconds=seconds,
            words=self._words,
        )


def material_for(bundle: Path, manifest: Path | None, sample_rate: int, text: TextVersion) -> Material:
    """What there is for a bundle.

    Args:
        manifest: a file; None: the development part of the run that the bundle is in, if its sound is there.

    Raises:
        ManifestError: it cannot be read, or holds no utterance.
    """
    if manifest is not None:
        utterances = read_manifest(manifest)
        if not len(utterances):
            raise ManifestError(f"{manifest}: holds no utterance, so nothing could be checked")
        return Material("manifest", sample_rate, text, utterances)
    own = bundle.parent / "manifests" / "dev.jsonl"
    if bundle.absolute().name == "model" and own.is_file():
        of_run = read_manifest(own)
        if len(of_run) and all(_is_there(utterance.audio_filepath) for utterance in of_run):
            return Material("run", sample_rate, text, of_run)
    return Material("synthetic", sample_rate, text, ())


def _is_there(path: str) -> bool:
    """Whether a sound file, or the shard that it lies in, has not been moved."""
    return Path(shard_of(path) or path).is_file()


def _made_up(sample_rate: int) -> Iterator[Said]:
    """Harmonics of a voice's pitch that glide and come and go, in noise: nothing that a model knows, but no silence."""
    for number in range(SYNTHETIC):
        draw = numpy_generator(0, "export", number)
        seconds = SHORTEST * (LONGEST / SHORTEST) ** (number / (SYNTHETIC - 1))
        times = np.arange(max(1, round(seconds * sample_rate))) / sample_rate
        pitch = draw.uniform(80, 260) * (1 + 0.1 * np.sin(2 * np.pi * draw.uniform(0.2, 2) * times))
        phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
        voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 12))
        syllables = np.clip(np.sin(2 * np.pi * draw.uniform(2, 5) * times + draw.uniform(0, 6)), 0, 1)
        samples = 0.2 * voice * syllables + 0.003 * draw.standard_normal(len(times))
        yield Said(f"synthetic-{number}", "", "", samples.astype(np.float32))
