"""What all systems hear: the parts of corpora, each utterance as a mono 16-bit WAV file that was made here once.

So no system gains by a better decoder, and what each was given is known by one digest. A file has the sample rate of
its recording: resampling is a part of a recogniser. Done for it, to 16 bits, it would leave rounding noise above the
recording's band, which a model that normalises each band takes for sound.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asr.audio import read_audio
from asr.benchmark.errors import BenchmarkError
from asr.benchmark.spec import Benchmark, CorpusSpec
from asr.corpora.holdout import hold_out
from asr.corpora.prepare import prepare
from asr.errors import AudioError
from asr.files import whole_file
from asr.identity import audio_digest, identity
from asr.manifest import Utterance, read_manifest
from asr.randomness import keyed_seed
from asr.recipe_file import load_recipe

Progress = Callable[[str, int, int], None]  # (what, done, total)


@dataclass(frozen=True)
class Spoken:
    """One utterance as it is heard."""

    id: str
    speaker: str  # "" when unknown
    text: str  # as the corpus has it
    seconds: float  # of the WAV file
    sample_rate: int  # Hz, of the WAV file
    audio: str  # identity of its samples, see asr.identity.audio_digest
    path: Path  # of the WAV file


@dataclass(frozen=True)
class Material:
    """A part of a corpus, ready to be heard."""

    spec: CorpusSpec
    source: str  # name of the archive, folder or manifest
    lock: str  # of the corpus, against its lock file; "" for a manifest
    identity: str  # over decoded audio, texts and speakers; "" where a manifest does not say
    spoken: Sequence[Spoken]  # in the order of their ids

    @property
    def audio(self) -> str:
        """Identity of all that is heard, in the order of the utterances."""
        return identity(each.audio for each in self.spoken)


def material_of(
    benchmark: Benchmark,
    folder: Path,
    cache: Path,
    *,
    places: Mapping[str, Path],
    check: bool = True,
    workers: int = 2,
    progress: Progress = lambda what, done, total: None,
) -> list[Material]:
    """Every corpus of the benchmark.

    Args:
        folder: of the benchmark's file.
        cache: for corpora, and for the WAV files.
        places: archives and folders that were given by the name of the corpus.
        check: compare corpora with their lock files.

    Raises:
        BenchmarkError: a place for a corpus that is not in the file, or a part with less than two utterances.
        CorpusError, ManifestError, AudioError: as the corpora say.
    """
    names = [corpus.name for corpus in benchmark.corpora]
    if strange := sorted(places.keys() - set(names)):
        raise BenchmarkError(f"--corpus {strange[0]}=...: no such corpus here; there are {', '.join(names)}")
    found = []
    for corpus in benchmark.corpora:
        source, lock, utterances = _utterances(
            corpus, folder, cache, places.get(corpus.name), check, workers, progress
        )
        chosen = _drawn(utterances, corpus.most)
        if len(chosen) < 2:
            raise BenchmarkError(
                f"{corpus.name}: {len(chosen)} utterances; two or more are needed to see how much they vary"
            )
        digests = [utterance.digest for utterance in chosen]
        spoken = _written(corpus.name, chosen, benchmark.sample_rate, cache / "benchmark" / "audio", progress)
        found.append(Material(corpus, source, lock, identity(digests) if all(digests) else "", spoken))
    return found


def _utterances(
    corpus: CorpusSpec,
    folder: Path,
    cache: Path,
    given: Path | None,
    check: bool,
    workers: int,
    progress: Progress,
) -> tuple[str, str, list[Utterance]]:
    """Name of the source, state of the lock, utterances of the part."""
    if corpus.manifest:
        path = given or folder / Path(corpus.manifest).expanduser()
        return path.name, "", list(read_manifest(path))
    source = given or (folder / Path(corpus.path).expanduser() if corpus.path else None)
    name = corpus.reader or corpus.name
    prepared = prepare(name, source, cache, progress=progress, workers=workers, check=check)
    splits: dict[str, Sequence[Utterance]] = dict(prepared.splits)
    if corpus.recipe:
        held = load_recipe(folder / corpus.recipe).corpus
        splits["dev"] = (
            splits.get(held.dev_split, ()) if held.dev_split else hold_out(splits["train"], held)[1]
        )
    if not splits.get(corpus.part):
        raise BenchmarkError(
            f"corpus {corpus.name}: {name} has no {corpus.part} part; it has {', '.join(splits)}"
            + "; `recipe` names one that holds it out" * (corpus.part == "dev")
        )
    return prepared.source_name, prepared.lock_state, list(splits[corpus.part])


def _drawn(utterances: Sequence[Utterance], most: int) -> list[Utterance]:
    """So many of them, whatever their order, in the order of their ids; 0: all."""
    ordered = sorted(utterances, key=lambda utterance: utterance.id)
    for before, after in pairwise(ordered):
        if before.id == after.id:
            raise BenchmarkError(f"utterance {after.id} is there twice; each needs an id of its own")
    if not most or most >= len(ordered):
        return ordered
    lowest = sorted(ordered, key=lambda each: keyed_seed(0, "benchmark", each.id))[:most]
    return sorted(lowest, key=lambda utterance: utterance.id)


def _written(
    name: str, utterances: Sequence[Utterance], sample_rate: int | None, folder: Path, progress: Progress
) -> list[Spoken]:
    spoken = []
    for done, utterance in enumerate(utterances, 1):
        samples, rate = pcm16(utterance, sample_rate)
        digest = audio_digest(samples[:, None], rate)
        path = folder / digest[:2] / f"{digest}.wav"
        content = wav(samples, rate)
        if not path.is_file() or path.read_bytes() != content:
            with whole_file(path) as part:
                part.write_bytes(content)
        said = utterance.id, utterance.speaker, utterance.text
        spoken.append(Spoken(*said, len(samples) / rate, rate, digest, path))
        progress(f"audio of {name}", done, len(utterances))
    return spoken


def pcm16(utterance: Utterance, sample_rate: int | None = None) -> tuple[npt.NDArray[np.int16], int]:
    """(samples,) int16, and Hz: the mean of the channels, resampled to `sample_rate` if it is given, rounded to the
    nearest, clipped. Samples of a mono 16-bit file that is not resampled are its own.

    Raises:
        AudioError: names the utterance and its file.
    """
    try:
        audio = read_audio(
            utterance.audio_filepath,
            offset=utterance.offset,
            duration=utterance.duration or None,
            sample_rate=sample_rate,
        )
    except AudioError as error:
        raise AudioError(f"utterance {utterance.id}: {error}") from None
    scaled = np.clip(np.rint(audio.samples * 32768.0), -32768, 32767)
    return scaled.astype(np.int16), audio.sample_rate


def wav(samples: npt.NDArray[np.int16], sample_rate: int) -> bytes:
    """A mono 16-bit WAV file: a header of 44 bytes, then (samples,) int16. Nothing but the sound is in it."""
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, samples, sample_rate, format="WAV", subtype="PCM_16")
    return stream.getvalue()
