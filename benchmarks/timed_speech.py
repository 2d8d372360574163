"""Speech whose word times are known to the sample: spoken by eSpeak NG, or joined of recorded digits.

eSpeak NG tells where each word and phoneme begins while it speaks. A word here begins with its first phoneme (eSpeak's
word event may come some tens of milliseconds before, with the silent closure of a plosive) and ends where the next word
or a pause begins. The words, voices and rooms are those of the digits recipe, by other draws: none of these utterances
was ever in a training.

Recorded digits are those of the Free Spoken Digit Dataset, each cut closely by those who made it: sequences by one
speaker each, with pauses and without, in noise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.audio import Audio, read_pcm16, resample
from asr.corpora.digits import Settings, load_settings, plan, speaker
from asr.corpora.espeak import Event, Synthesiser
from asr.corpora.readers.fsdd import TEST_TAKES, WORDS
from asr.corpora.reading import data_file
from asr.corpora.room import IntegerDraws, Integers, add_echoes, coloured_noise, mix

SEED = 5
GAPS = {"connected": (0, 4), "pauses": (10, 60)}  # of eSpeak: 10 ms at its normal rate
PAUSES = {"connected": (0, 0), "pauses": (100, 600)}  # ms between recorded digits
NOISE_SNR = (20, 35)  # dB
LEVEL = (-32, -18)  # dB below full scale
SILENCE = (80, 500)  # ms of noise before and after


@dataclass(frozen=True)
class Timed:
    """An utterance and the times of its words."""

    name: str
    speaker: str
    manner: str  # "connected" or "pauses"
    audio: Audio
    words: tuple[tuple[str, float, float], ...]  # word, start and end in seconds

    @property
    def text(self) -> str:
        return " ".join(word for word, _, _ in self.words)


def synthetic(part: str, utterances: int, folder: Path) -> Iterator[Timed]:
    """eSpeak NG's: `part` is "choose" (voices of the training, other utterances) or "report" (unheard ones).

    Args:
        utterances: of each voice, and manner.
        folder: for temporary files.
    """
    given = load_settings(data_file("digits.toml"))
    split = {"choose": "train", "report": "test"}[part]
    with Synthesiser(events=True) as synthesiser:
        for manner, gap in GAPS.items():
            settings = given.model_copy(
                update={
                    "seed": SEED,
                    "voices": given.voices.model_copy(
                        update={f"{which}_utterances": utterances for which in ("train", "test")}
                    ),
                    "speech": given.speech.model_copy(update={"word_gap": gap}),
                }
            )
            for item in plan(settings):
                if item.split == split:
                    path = folder / "spoken.wav"
                    events = synthesiser.say(item.speech, path)
                    pcm, rate = read_pcm16(path)
                    words = words_of(item.speech.text, events, len(pcm), rate)
                    if [word for word, _, _ in words] == item.speech.text.split():
                        name = f"{item.id}-{manner}"
                        yield _in_a_room(settings, name, pcm[:, 0], rate, words, manner, item.speech.voice)


def words_of(
    text: str, events: Sequence[Event], samples: int, rate: int
) -> tuple[tuple[str, float, float], ...]:
    """Words of a text with their times in seconds, out of eSpeak's events. It speaks "no one" as one word."""
    found = []
    places = [event.character for event in events if event.kind == "word"]
    for place in places:
        word = text[place:].partition(" ")[0]
        numbers = [
            n for n, event in enumerate(events)
            if event.kind == "phoneme" and event.character == place and not event.name.startswith("_")
        ]  # fmt: skip
        after = [event.sample for event in events[numbers[-1] + 1 :]]
        end = min(after, default=samples)
        found.append((word, events[numbers[0]].sample / rate, end / rate))
    return tuple(found)


def _in_a_room(
    settings: Settings,
    name: str,
    pcm: np.ndarray,
    rate: int,
    words: tuple[tuple[str, float, float], ...],
    manner: str,
    voice: str,
) -> Timed:
    """As asr.corpora.digits does it: echoes, noise, level."""
    room, to_rate = settings.room, settings.sample_rate
    resampled = resample(pcm / 32768, rate, to_rate)
    speech: Integers = np.rint(resampled.astype(np.float64) * 32768).astype(np.int64)
    speech = add_echoes(
        speech, to_rate, IntegerDraws(SEED, "times: room", name),
        count=room.reflections, delay=room.delay, first=room.first, decay=room.decay,
    )  # fmt: skip
    samples, begin = _in_noise(speech, to_rate, name)
    shifted = tuple((word, begin + start, begin + end) for word, start, end in words)
    return Timed(name, speaker(voice), manner, Audio(samples, to_rate), shifted)


def _in_noise(speech: Integers, rate: int, name: str) -> tuple[np.ndarray, float]:
    """(samples,) float32, and the seconds of noise before the speech."""
    draws = IntegerDraws(SEED, "times: noise", name)
    before, after = (draws.between(SILENCE) * rate // 1000 for _ in range(2))
    slope, snr, level = draws.one_of((0, 3, 6)), draws.between(NOISE_SNR), draws.between(LEVEL)
    background = coloured_noise(before + len(speech) + after, draws, slope=slope, octaves=9)
    mixed = mix(speech, background, before, snr=snr, level=level)
    return (mixed / 32768).astype(np.float32), before / rate


def recorded(recordings: Path, speakers: Sequence[str], utterances: int) -> Iterator[Timed]:
    """Digits of FSDD's test takes, three to seven a time.

    Args:
        recordings: the folder of `0_george_0.wav` and the others.
        utterances: of each speaker, and manner.
    """
    for manner, pause in PAUSES.items():
        for who in speakers:
            for number in range(utterances):
                name = f"{who}-{number:03}-{manner}"
                draws = IntegerDraws(SEED, "times: digits", name)
                pieces: list[Integers] = []
                words, at = [], 0
                for _ in range(draws.between((3, 7))):
                    digit, take = draws.between((0, 9)), draws.between((0, TEST_TAKES - 1))
                    pcm, rate = read_pcm16(recordings / f"{digit}_{who}_{take}.wav")
                    if pieces:
                        gap = draws.between(pause) * rate // 1000
                        pieces.append(np.zeros(gap, np.int64))
                        at += gap
                    pieces.append(pcm[:, 0].astype(np.int64))
                    words.append((WORDS[digit], at / rate, (at + len(pcm)) / rate))
                    at += len(pcm)
                samples, begin = _in_noise(np.concatenate(pieces), rate, name)
                shifted = tuple((word, begin + start, begin + end) for word, start, end in words)
                yield Timed(name, who, manner, Audio(samples, rate), shifted)
