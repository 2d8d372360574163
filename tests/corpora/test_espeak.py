"""Synthetic speech by eSpeak NG in a process of its own."""

import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asr.corpora import espeak
from asr.corpora.espeak import Speech, Synthesiser
from asr.errors import CorpusError


@pytest.fixture(scope="module")
def synthesiser() -> Iterator[Synthesiser]:
    with Synthesiser() as process:
        yield process


def pcm(path: Path) -> bytes:
    with wave.open(str(path)) as sound:
        return sound.readframes(sound.getnframes())


def test_writes_mono_16_bit_wav_at_its_rate(synthesiser: Synthesiser, tmp_path: Path) -> None:
    synthesiser.say(Speech("seven", "en-us"), tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        assert sound.getframerate() == synthesiser.sample_rate == 22_050
        assert 0.2 < sound.getnframes() / sound.getframerate() < 1.0


def test_samples_depend_on_the_request_alone(synthesiser: Synthesiser, tmp_path: Path) -> None:
    wanted = Speech(
        "nine oh right", "en-gb-scotland+f1", rate=150, pitch=60, seed=7
    )  # f1 wavers and is rough
    synthesiser.say(wanted, tmp_path / "a.wav")
    synthesiser.say(Speech("something else first", "en-us+m3", rate=200, word_gap=3), tmp_path / "b.wav")
    synthesiser.say(wanted, tmp_path / "c.wav")
    with Synthesiser() as other:
        other.say(wanted, tmp_path / "d.wav")
    assert pcm(tmp_path / "a.wav") == pcm(tmp_path / "c.wav") == pcm(tmp_path / "d.wav")


def test_tells_where_words_begin(synthesiser: Synthesiser, tmp_path: Path) -> None:
    """In the same samples. Between two words lies a pause of 0.2 s or more, which a phoneme called _ begins."""
    wanted = Speech("nine  eight", "en-us", word_gap=20, seed=3)
    assert synthesiser.say(wanted, tmp_path / "a.wav") == []
    with Synthesiser(events=True) as telling:
        events = telling.say(wanted, tmp_path / "b.wav")
    assert pcm(tmp_path / "a.wav") == pcm(tmp_path / "b.wav")
    first, second = (event for event in events if event.kind == "word")
    assert (first.character, second.character) == (0, 6)
    pause = next(event for event in events if event.kind == "phoneme" and event.name.startswith("_"))
    assert first.sample < pause.sample < second.sample - 0.15 * telling.sample_rate
    samples = np.frombuffer(pcm(tmp_path / "b.wav"), "<i2").astype(float)
    near = telling.sample_rate // 50
    assert np.abs(samples[second.sample - near : second.sample]).max() < 300  # silence, then a vowel
    assert np.abs(samples[second.sample : second.sample + near]).max() > 1500


@pytest.mark.parametrize(
    "other",
    [
        Speech("four", "en-us+f2"),
        Speech("five", "en-029+f2"),
        Speech("five", "en-us+f3"),
        Speech("five", "en-us+f2", rate=200),
        Speech("five", "en-us+f2", pitch=80),
        Speech("five", "en-us+f2", pitch_range=90),
        Speech("five", "en-us+f2", seed=2),
    ],
)
def test_every_setting_is_heard(synthesiser: Synthesiser, tmp_path: Path, other: Speech) -> None:
    synthesiser.say(Speech("five", "en-us+f2"), tmp_path / "a.wav")
    synthesiser.say(other, tmp_path / "b.wav")
    assert pcm(tmp_path / "a.wav") != pcm(tmp_path / "b.wav")


def test_word_gap_makes_it_longer(synthesiser: Synthesiser, tmp_path: Path) -> None:
    for gap in (0, 5):
        synthesiser.say(Speech("one two three", "en-us", word_gap=gap), tmp_path / f"{gap}.wav")
    assert len(pcm(tmp_path / "5.wav")) > len(pcm(tmp_path / "0.wav"))


@pytest.mark.parametrize(
    ("speech", "message"),
    [
        (Speech("one", "tlh-x-none"), "'one' in voice tlh-x-none: voice 'tlh-x-none': not found"),
        # The library itself takes an unknown variant for none, and speaks.
        (Speech("one", "en-us+nobody"), "it has no voice variant 'nobody'"),
        (Speech("", "en-us"), "it made no sound of the text"),
    ],
)
def test_what_is_refused_is_named_and_the_next_request_works(
    synthesiser: Synthesiser, tmp_path: Path, speech: Speech, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        synthesiser.say(speech, tmp_path / "a.wav")
    assert not (tmp_path / "a.wav").exists()
    synthesiser.say(Speech("one", "en-us"), tmp_path / "b.wav")


def test_a_folder_that_is_not_there(synthesiser: Synthesiser, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="No such file or directory"):
        synthesiser.say(Speech("one", "en-us"), tmp_path / "none" / "a.wav")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "find_spec", lambda _name: None)
    with pytest.raises(CorpusError, match=r"in the source tree, pip install -e '\.\[demo\]'"):
        Synthesiser()


def test_a_process_that_ends_early_is_reported(tmp_path: Path) -> None:
    with Synthesiser() as process:
        os.kill(process._process.pid, signal.SIGKILL)
        with pytest.raises(CorpusError, match=r"eSpeak NG ended at 'one' in voice en-us \(exit status -9\)"):
            process.say(Speech("one", "en-us"), tmp_path / "a.wav")


def test_the_process_ends_with_its_user() -> None:
    with Synthesiser() as process:
        assert process._process.poll() is None
    assert process._process.returncode == 0
    process.close()


def test_the_library_is_never_loaded_into_our_own_process(tmp_path: Path) -> None:
    """Its licence is the GPL: only the process of its own may load it."""
    program = (
        "import sys; from pathlib import Path; from asr.corpora.espeak import Speech, Synthesiser\n"
        f"with Synthesiser() as s: s.say(Speech('one', 'en-us'), Path({str(tmp_path / 'a.wav')!r}))\n"
        "assert 'espeakng_loader' not in sys.modules\n"
        "maps = Path('/proc/self/maps')\n"
        "assert not maps.exists() or 'espeak' not in maps.read_text()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
