"""What one piece of audio is like, worked out by hand; and the faults that follow from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import resample
from asr.cleaning.faults import Heard, sound_faults
from asr.cleaning.known import Known, Stretch, state_of
from asr.cleaning.measuring import measure_all
from asr.cleaning.sound import Measured, measure
from asr.utterance import Utterance

RATE = 16_000


def syllables(seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    """Noise in bursts of 150 ms with 100 ms between them, from 200 ms on to 200 ms before the end."""
    noise = np.random.default_rng(1).standard_normal(round(seconds * rate))
    time = np.arange(len(noise)) / rate
    loud = ((time % 0.25) > 0.1) & (time > 0.2) & (time < seconds - 0.2)
    return np.asarray(0.1 * noise * np.where(loud, 1.0, 0.001))


def voiced(like: np.ndarray) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(len(like))


def measured(path: Path, samples: np.ndarray, rate: int = RATE) -> Measured:
    soundfile.write(path, samples, rate, subtype="PCM_16")
    found = measure(str(path), 0.0, 0.0)
    assert isinstance(found, Measured)
    return found


def accused(path: Path, samples: np.ndarray, rate: int = RATE, **declared: float) -> set[str]:
    """Kinds of what is found, in a corpus that has nine hundred others without fault."""
    soundfile.write(path, samples, rate, subtype="PCM_16")
    utterance = Utterance(path.stem, str(path), declared.get("duration", 0.0), "text")
    stretch = Stretch(str(path), 0.0, 0.0)
    one = Heard("train", 0, utterance, stretch, measure(str(path), 0.0, 0.0))
    good = measured(path.with_name("good.wav"), syllables())
    others = [Heard("train", row, utterance, stretch, good) for row in range(1, 900)]
    return {finding.kind for finding in sound_faults([one, *others])}


def test_levels(tmp_path: Path) -> None:
    """A tone of amplitude 0.5 has a power of 1/8; the silence around it has none."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    sound = measured(tmp_path / "a.wav", np.concatenate([np.zeros(RATE), tone, np.zeros(RATE)])).sound
    assert sound.seconds == 3.0
    assert sound.level == pytest.approx(10 * np.log10(1 / 8), abs=0.1)
    assert sound.spoken == pytest.approx(1.0, abs=0.03)
    assert sound.begins < -60 and sound.ends < -60
    assert sound.clipped == 0.0 and abs(sound.direct) < 1e-4


def test_a_word_in_a_minute_of_silence_is_no_silence(tmp_path: Path) -> None:
    assert accused(tmp_path / "a.wav", np.concatenate([np.zeros(50 * RATE), syllables(1.0)])) == set()


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda x: x, set()),
        (lambda x: 0.02 * x, set()),  # weak, but not silent
        (lambda x: 0.0 * x, {"silent"}),
        (lambda x: 1e-3 * x, {"silent"}),
        (lambda x: x[6000:7000], {"empty"}),
        (lambda x: 0.01 * np.random.default_rng(2).standard_normal(RATE), {"empty"}),  # noise that never changes
        (lambda x: np.where(np.arange(len(x)) == 9000, 0.9, 0.03 * voiced(x)), {"empty"}),  # one click
        (lambda x: np.clip(9 * x, -1, 1), {"clipped"}),
        (lambda x: 0.2 * np.clip(9 * x, -1, 1), {"clipped"}),  # made weaker afterwards
        (lambda x: np.round(0.8 * x * 64) / 64, set()),  # a few levels, as of 8 bits: no flat tops
        (lambda x: x + 0.08, {"offset"}),
        (lambda x: 0.05 * x + 0.003, {"offset"}),  # little, but as strong as the speech
        (lambda x: x[: round(1.17 * RATE)], {"cut"}),  # ends within a burst
        (lambda x: x[round(0.67 * RATE) :], {"cut"}),
        (lambda x: resample(resample(x, RATE, 8000), 8000, RATE), {"narrow"}),
    ],
)  # fmt: skip
def test_faults(tmp_path: Path, change: object, kinds: set[str]) -> None:
    assert callable(change)
    assert accused(tmp_path / "a.wav", np.clip(change(syllables()), -1, 1)) == kinds


def test_channels_that_cancel_each_other(tmp_path: Path) -> None:
    one = syllables()
    assert accused(tmp_path / "a.wav", np.stack([one, one], axis=1)) == set()
    assert accused(tmp_path / "b.wav", np.stack([one, -one], axis=1)) == {"silent"}


@pytest.mark.parametrize(
    ("declared", "kinds"),
    [(2.0, set()), (1.95, set()), (0.0, set()), (1.0, {"duration"}), (3.0, {"duration"})],
)
def test_declared_durations(tmp_path: Path, declared: float, kinds: set[str]) -> None:
    assert accused(tmp_path / "a.wav", syllables(), duration=declared) == kinds


def test_where_a_corpus_is_cut_close_nobody_is_accused(tmp_path: Path) -> None:
    cut = measured(tmp_path / "a.wav", syllables()[: round(1.17 * RATE)])
    utterance = Utterance("a", "a.wav", 0.0, "text")
    every = [Heard("train", row, utterance, Stretch("a.wav", 0.0, 0.0), cut) for row in range(50)]
    assert list(sound_faults(every)) == []


def test_what_is_known_is_not_measured_again(tmp_path: Path) -> None:
    """Only while the file is as it was; and a file of what is known that is damaged is made anew."""
    path, base = tmp_path / "a.wav", tmp_path / "known" / "sounds.sqlite"
    first = measured(path, syllables())
    stretch = Stretch(str(path), 0.0, 0.0)
    known = Known(base)
    assert known.find(stretch) is None
    known.add([(stretch, state_of(str(path)), replace(first, sound=replace(first.sound, level=-1.0)))])
    known.close()
    again = measure_all([stretch], base, 1, lambda *_: None)[stretch]
    assert isinstance(again, Measured) and again.sound.level == -1.0  # as it was kept
    assert all(
        np.array_equal(getattr(again.prints, name), getattr(first.prints, name)) for name in ("signs", "weak")
    )
    soundfile.write(path, syllables()[:-1], RATE, subtype="PCM_16")
    changed = measure_all([stretch], base, 1, lambda *_: None)[stretch]
    assert isinstance(changed, Measured) and changed.sound.level == pytest.approx(first.sound.level, abs=0.1)
    base.write_bytes(b"no database" * 100)
    assert isinstance(measure_all([stretch], base, 1, lambda *_: None)[stretch], Measured)


def test_processes_measure_the_same(tmp_path: Path) -> None:
    """In one process and in two; a file that is none is said to be so in both."""
    stretches = []
    for number in range(60):
        soundfile.write(
            tmp_path / f"{number}.wav", syllables(0.8) * (1 + number) / 60, RATE, subtype="PCM_16"
        )
        stretches.append(Stretch(str(tmp_path / f"{number}.wav"), 0.0, 0.0))
    stretches.append(Stretch(str(tmp_path / "nowhere.wav"), 0.0, 0.0))
    one = measure_all(stretches, tmp_path / "one.sqlite", 1, lambda *_: None)
    two = measure_all(stretches, tmp_path / "two.sqlite", 2, lambda *_: None)
    assert list(one) == list(two)
    for a, b in zip(one.values(), two.values(), strict=True):
        assert (a.sound if isinstance(a, Measured) else a) == (b.sound if isinstance(b, Measured) else b)
