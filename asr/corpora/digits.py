"""The embedded corpus: connected digits and command words, spoken by eSpeak NG on the user's own machine.

Synthetic speech. It shows that everything works, from a corpus to a checked error rate, in minutes and with
no download; it says nothing about how well people are recognised, and what shows a result on it says so.

The words, voices and all settings are in `data/digits.toml`. A speaker is one vocal tract: a variant of eSpeak's
voices, with its formants, pitch and voice quality, in one English accent or several. The *test voices are
unheard*: no training utterance has their variant or one with nearly the same formants, and one accent, that
of the West Midlands, occurs in no training utterance at all. The synthesiser and the vocabulary are of course
the same, and so short a phrase as "yes" is said by training and test voices alike.

Everything drawn (words, rate, pitch, room, noise, level) is keyed by the utterance's id. So the corpus is the
same in every run and with any number of workers. Between machines it is the same as long as eSpeak NG is: its
formants pass through the C library's exp and cos, which another library or processor may round differently
(x86-64 with and without fused multiply-add gave the same samples). `data/digits.lock.json` says which corpus
the project's own results are of.
"""

import contextlib
import hashlib
import json
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from asr.audio import read_pcm16, resample
from asr.corpora.cache import exclusive, whole_folder
from asr.corpora.espeak import Speech, Synthesiser, write_wav
from asr.corpora.reading import MADE_BY, Progress, Reader, Splits, data_file
from asr.corpora.room import IntegerDraws, Integers, add_echoes, coloured_noise, mix
from asr.errors import CorpusError
from asr.frozen import Frozen
from asr.manifest import Utterance
from asr.randomness import keyed_seed

SETTINGS = "digits.toml"  # in data/
TRANSCRIPT = "digits.jsonl"  # in the corpus's folder; written last

Bounds = tuple[int, int]  # lowest and highest, both included
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]


class Phrases(Frozen):
    digits: Names
    commands: Names
    digit_percent: Annotated[int, Field(ge=0, le=100)]
    lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]


class Voices(Frozen):
    train: Names
    test: Names
    train_utterances: Positive  # of each voice
    test_utterances: Positive

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if both := {variant(voice) for voice in self.train} & {variant(voice) for voice in self.test}:
            raise ValueError(f"variants in training and test: {', '.join(sorted(both))}")
        return self


class Manner(Frozen):
    rate: Bounds
    pitch: Bounds
    pitch_range: Bounds
    word_gap: Bounds


class Room(Frozen):
    reflections: Annotated[int, Field(ge=0)]
    delay: Bounds
    first: Bounds
    decay: Bounds


class Noise(Frozen):
    snr: Bounds
    slopes: tuple[int, ...]
    octaves: Positive


class Level(Frozen):
    speech: Bounds
    silence: Bounds


class Settings(Frozen):
    """`data/digits.toml`, where the units are."""

    version: Positive
    seed: int
    sample_rate: Positive
    phrases: Phrases
    voices: Voices
    speech: Manner
    room: Room
    noise: Noise
    level: Level

    def digest(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """One utterance to be made."""

    id: str
    split: str  # "train" or "test"
    speech: Speech

    @property
    def audio(self) -> str:
        """Path in the corpus's folder."""
        return f"{self.split}/{self.speech.voice}/{self.id}.wav"


def variant(voice: str) -> str:
    """What follows the accent: m3 of en-us+m3, nothing of en-us."""
    return voice.partition("+")[2]


def speaker(voice: str) -> str:
    """Whose vocal tract it is: the variant; the accent for a voice without one."""
    return variant(voice) or voice


def load_settings(path: Path) -> Settings:
    """Raises CorpusError: no such file, or not what `Settings` says."""
    try:
        return Settings.model_validate_json(json.dumps(tomllib.loads(path.read_text(encoding="utf-8"))))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise CorpusError(f"{path}: no settings of the digits corpus: {error}") from None


def plan(settings: Settings) -> Iterator[Plan]:
    """Every utterance, training first, voices in turn as they are listed."""
    voices = settings.voices
    for split, names, count in (
        ("train", voices.train, voices.train_utterances),
        ("test", voices.test, voices.test_utterances),
    ):
        for voice in names:
            for number in range(count):
                yield _plan_one(settings, split, voice, f"{voice}-{number:03}")


def make(cache: Path, progress: Progress, workers: int) -> Path:
    """Synthesises the corpus into a folder of its own under `cache`, named by the settings; once only.

    Raises:
        CorpusError: eSpeak NG is not installed or does not do what is asked of it.
    """
    return make_with(load_settings(data_file(SETTINGS)), cache, progress, workers)


def make_with(settings: Settings, cache: Path, progress: Progress, workers: int) -> Path:
    """`make` with other settings."""
    folder = cache / f"digits-{settings.digest()[:12]}"
    with exclusive(folder):
        if not folder.is_dir():
            with whole_folder(folder) as part:
                _synthesise(settings, part, progress, workers)
    return folder


def read(folder: Path) -> Splits:
    """What `make` wrote."""
    splits: dict[str, list[Utterance]] = {"train": [], "test": []}
    path = folder / TRANSCRIPT
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            utterance = Utterance(
                id=entry["id"],
                audio_filepath=str(folder / entry["audio"]),
                duration=0.0,
                text=entry["text"],
                speaker=speaker(entry["voice"]),
                lang="en",
            )
            splits[entry["split"]].append(utterance)
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(
                f"{path}:{number}: not a line of the digits corpus ({error!r}); "
                f"remove {folder} and it is made again"
            ) from None
    return splits


def _plan_one(settings: Settings, split: str, voice: str, name: str) -> Plan:
    phrases, manner = settings.phrases, settings.speech
    words = IntegerDraws(settings.seed, "digits: words", name)
    text = " ".join(
        words.one_of(phrases.digits if words.between((1, 100)) <= phrases.digit_percent else phrases.commands)
        for _ in range(words.one_of(phrases.lengths))
    )
    draws = IntegerDraws(settings.seed, "digits: manner", name)
    speech = Speech(
        text=text,
        voice=voice,
        rate=draws.between(manner.rate),
        pitch=draws.between(manner.pitch),
        pitch_range=draws.between(manner.pitch_range),
        word_gap=draws.between(manner.word_gap),
        seed=keyed_seed(settings.seed, "digits: eSpeak", name) % 2**31,
    )
    return Plan(name, split, speech)


def _synthesise(settings: Settings, folder: Path, progress: Progress, workers: int) -> None:
    """Several eSpeak processes, each used by one thread at a time."""
    plans = list(plan(settings))
    for item in plans:
        (folder / item.audio).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        idle: SimpleQueue[Synthesiser] = SimpleQueue()
        for _ in range(max(1, workers)):
            synthesiser = stack.enter_context(Synthesiser())
            idle.put(synthesiser)
        (folder / MADE_BY).write_text(f"eSpeak NG {synthesiser.version}\n", encoding="utf-8")
        pool = stack.enter_context(ThreadPoolExecutor(max(1, workers)))

        def make_one(item: Plan) -> None:
            synthesiser = idle.get()
            try:
                _make_one(settings, item, synthesiser, folder / item.audio)
            finally:
                idle.put(synthesiser)

        try:
            for done, _ in enumerate(pool.map(make_one, plans), start=1):
                progress("synthesising speech", done, len(plans))
        except BaseException:  # Ctrl-C too: otherwise the pool would first finish what is queued
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    lines = [json.dumps(_entry(item), ensure_ascii=False) + "\n" for item in plans]
    (folder / TRANSCRIPT).write_text("".join(lines), encoding="utf-8")


def _make_one(settings: Settings, item: Plan, synthesiser: Synthesiser, path: Path) -> None:
    clean = path.with_suffix(".clean.wav")
    synthesiser.say(item.speech, clean)
    pcm, rate = read_pcm16(clean)
    clean.unlink()
    resampled = resample(pcm[:, 0] / 32768, rate, settings.sample_rate)
    speech = np.rint(resampled.astype(np.float64) * 32768).astype(np.int64)
    write_wav(path, _in_a_room(settings, speech, item.id).astype("<i2").tobytes(), settings.sample_rate)


def _in_a_room(settings: Settings, speech: Integers, name: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    room, noise, level, rate = settings.room, settings.noise, settings.level, settings.sample_rate
    speech = add_echoes(
        speech, rate, IntegerDraws(settings.seed, "digits: room", name),
        count=room.reflections, delay=room.delay, first=room.first, decay=room.decay,
    )  # fmt: skip
    draws = IntegerDraws(settings.seed, "digits: noise", name)
    before, after = (draws.between(level.silence) * rate // 1000 for _ in range(2))
    slope, snr, loudness = draws.one_of(noise.slopes), draws.between(noise.snr), draws.between(level.speech)
    background = coloured_noise(before + len(speech) + after, draws, slope=slope, octaves=noise.octaves)
    return mix(speech, background, before, snr=snr, level=loudness)


def _entry(item: Plan) -> dict[str, Any]:
    return {"id": item.id, "split": item.split, "audio": item.audio, **asdict(item.speech)}


READER = Reader(
    name="digits",
    title="Digits and commands (synthetic speech)",
    licence="words and settings Apache-2.0; made here by eSpeak NG, a GPL-3.0 program",
    layout=f"{TRANSCRIPT} beside train/VOICE/ID.wav and test/VOICE/ID.wav, as it is made without --corpus",
    marker=TRANSCRIPT,
    read=read,
    language="en",
    make=make,
)
