"""A copy of a corpus with faults of known kinds in known places, for cleaning.py and the tests of `asr check`."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from asr.audio import read_audio, resample
from asr.randomness import numpy_generator
from asr.utterance import Utterance, line_of

Samples = npt.NDArray[np.floating]
Sound = tuple[Samples, int]


def coded(samples: Samples, rate: int, form: str, subtype: str, level: float | None = None) -> Sound:
    """As a coder leaves it."""
    stream = io.BytesIO()
    more = {} if level is None else {"compression_level": level}
    soundfile.write(stream, np.clip(samples, -1, 1), rate, format=form, subtype=subtype, **more)
    stream.seek(0)
    return soundfile.read(stream, dtype="float32")


def rounded(samples: Samples, rate: int) -> Sound:
    return np.round(np.clip(samples, -1, 32767 / 32768) * 32768) / 32768, rate


def _trimmed(samples: Samples, rate: int) -> Sound:
    """Without a tenth of it, at either end."""
    tenth = len(samples) // 10
    return samples[tenth : len(samples) - tenth], rate


def _padded(samples: Samples, rate: int) -> Sound:
    quiet = numpy_generator(1, "padding", str(len(samples))).standard_normal(round(0.5 * rate)) * 1e-4
    return rounded(np.concatenate([quiet[: round(0.213 * rate)], samples, quiet]), rate)


def _clipped(samples: Samples, rate: int, gain: float, after: float = 1.0) -> Sound:
    return rounded(after * np.clip(gain * samples / np.abs(samples).max(), -1, 1), rate)


def _at(samples: Samples, rate: int, other: int) -> Sound:
    return rounded(resample(samples, rate, other), other)


COPIES: dict[str, Callable[[Samples, int], Sound]] = {
    "20 dB weaker": lambda samples, rate: rounded(samples * 0.1, rate),
    "6 dB louder": lambda samples, rate: rounded(samples * 2.0, rate),
    "other polarity": lambda samples, rate: rounded(-samples, rate),
    "edges trimmed": _trimmed,
    "edges padded": _padded,
    "to 8 kHz, to 16 kHz": lambda samples, rate: _at(*_at(samples, rate, 8000), 16000),
    "to 11025 Hz": lambda samples, rate: _at(samples, rate, 11025),
    "mu-law": lambda samples, rate: coded(samples, rate, "WAV", "ULAW"),
    "GSM 06.10": lambda samples, rate: coded(resample(samples, rate, 8000), 8000, "WAV", "GSM610"),
    "MP3, smallest": lambda samples, rate: coded(samples, rate, "MP3", "MPEG_LAYER_III", 0.99),
    "Vorbis, smallest": lambda samples, rate: coded(samples, rate, "OGG", "VORBIS", 0.99),
    "Opus, 20 kbit/s": lambda samples, rate: coded(resample(samples, rate, 48000), 48000, "OGG", "OPUS", 0.95),
    "noise, SNR 20 dB": lambda samples, rate: rounded(
        samples + 0.1 * samples.std() * numpy_generator(1, "noise").standard_normal(len(samples)), rate
    ),
    "all: trimmed, -10 dB, 16 kHz, MP3": lambda samples, rate: coded(
        *_at(_trimmed(samples, rate)[0] * 0.3, rate, 16000), "MP3", "MPEG_LAYER_III", 0.9
    ),
}  # fmt: skip


@dataclass
class Planted:
    """Two parts with faults."""

    parts: dict[str, list[Utterance]]
    faults: list[tuple[str, str, str]] = field(default_factory=list)  # kind, what was done, id
    rates: dict[str, int] = field(default_factory=dict)  # declared, by id
    others: set[str] = field(default_factory=set)  # ids that a fault is about, too: it may be said of either


class Planter:
    """Puts faults into copies of utterances.

    Args:
        train, test: whole utterances of a corpus without faults, those of test not of its test part.
        folder: for changed audio.
    """

    def __init__(self, train: Sequence[Utterance], test: Sequence[Utterance], folder: Path) -> None:
        self.made = Planted({"train": list(train), "test": list(test)})
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        order = numpy_generator(1, "planted").permutation(len(train))
        usable = [row for row in order.tolist() if train[row].duration > 1.5 and len(train[row].text) > 12]
        self._rows = iter(usable)
        self._taken: set[int] = set()

    def all(self) -> Planted:
        """Fifty faults and some, of all kinds that need no model but two, for which neighbours are changed."""
        self._audio()
        self._copies()
        self._texts()
        self._shared()
        self._transcripts()
        return self.made

    def write(self, folder: Path) -> list[Path]:
        """The manifests."""
        paths = []
        for name, utterances in self.made.parts.items():
            path = folder / f"{name}.jsonl"
            with path.open("wb") as stream:
                for one in utterances:
                    line = line_of(one)
                    if one.id in self.made.rates:
                        line = line.rstrip()[:-1] + b', "sample_rate": %d}\n' % self.made.rates[one.id]
                    stream.write(line)
            paths.append(path)
        return paths

    def _row(self) -> int:
        """A row of train whose neighbours are as they were."""
        for row in self._rows:
            if not {row - 1, row, row + 1} & self._taken and 0 < row < len(self.made.parts["train"]) - 1:
                self._taken.add(row)
                return row
        raise ValueError("too few utterances for so many faults")

    def _change(self, kind: str, what: str, **changes: object) -> None:
        row = self._row()
        train = self.made.parts["train"]
        train[row] = replace(train[row], digest="", audio_digest="", **changes)  # type: ignore[arg-type]
        self.made.faults.append((kind, what, train[row].id))

    def _sound(self, kind: str, what: str, change: Callable[[Samples, int], Sound]) -> Path:
        row = self._row()
        train = self.made.parts["train"]
        audio = read_audio(train[row].audio_filepath)
        samples, rate = change(audio.samples.astype(np.float64), audio.sample_rate)
        path = self.folder / f"{train[row].id}.wav"
        soundfile.write(path, samples, rate, subtype="PCM_16")
        train[row] = replace(
            train[row],
            audio_filepath=str(path),
            duration=len(samples) / rate,
            digest="",
            audio_digest="",
        )
        self.made.faults.append((kind, what, train[row].id))
        return path

    def _audio(self) -> None:
        noise = numpy_generator(1, "planted noise").standard_normal(16000)
        path = self._sound("broken", "half of the file", rounded)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        path = self._sound("broken", "no audio", rounded)
        path.write_bytes(b"not audio at all\n" * 50)
        self._change("broken", "no file", audio_filepath=str(self.folder / "nowhere.wav"))
        self._sound("silent", "zeros", lambda samples, rate: (0 * samples, rate))
        self._sound("silent", "-70 dB", lambda samples, rate: rounded(0.0003 * noise, rate))
        self._sound("empty", "60 ms", lambda samples, rate: (samples[5000 : 5000 + int(0.06 * rate)], rate))
        self._sound("empty", "noise alone", lambda samples, rate: rounded(0.01 * noise, rate))
        row = self.made.parts["train"][0].duration
        self._change("duration", "declared 9 s", duration=9.0 + row)
        self._change("duration", "declared 0.5 s", duration=0.5)
        for _ in range(2):
            path = self._sound("rate", "declared 44100 Hz", rounded)
            self.made.rates[path.stem] = 44100
        self._sound(
            "cut", "ends within speech", lambda samples, rate: (samples[: _loudest(samples, rate)], rate)
        )
        self._sound(
            "cut", "begins within speech", lambda samples, rate: (samples[_loudest(samples, rate) :], rate)
        )
        for gain in (8, 20):
            self._sound("clipped", f"peaks at {gain} times full scale", partial(_clipped, gain=gain))
        self._sound("clipped", "clipped, then weaker", partial(_clipped, gain=6, after=0.3))
        self._sound("offset", "+0.05", lambda samples, rate: rounded(samples + 0.05, rate))
        self._sound("offset", "-0.02", lambda samples, rate: rounded(samples - 0.02, rate))
        self._sound("narrow", "from 8 kHz", COPIES["to 8 kHz, to 16 kHz"])

    def _copy(
        self, kind: str, what: str, change: Callable[[Samples, int], Sound], part: str, **more: object
    ) -> None:
        """A new utterance at the end of a part, of the audio of one in train."""
        source = self.made.parts["train"][self._row()]
        audio = read_audio(source.audio_filepath)
        samples, rate = change(audio.samples.astype(np.float64), audio.sample_rate)
        named = f"planted-{len(self.made.faults)}-{source.id}"
        path = self.folder / f"{named}.wav"
        soundfile.write(path, samples, rate, subtype="PCM_16")
        copy = replace(
            source,
            id=named,
            audio_filepath=str(path),
            duration=len(samples) / rate,
            digest="",
            audio_digest="",
            **more,
        )  # type: ignore[arg-type]
        self.made.parts[part].append(copy)
        self.made.others |= {source.id, named}
        # Of train and test, what is in train is the leak.
        self.made.faults.append((kind, what, source.id if part == "test" else named))

    def _copies(self) -> None:
        self._copy("duplicate", "the same samples", rounded, "train")
        for what, change in COPIES.items():
            self._copy("copy", what, change, "train")
        self._copy("leak", "the same samples in test", rounded, "test", speaker="")
        self._copy("leak", "weaker in test", COPIES["20 dB weaker"], "test", speaker="")
        self._copy("contradiction", "another text", rounded, "train", text="RUBOUT ALL OF IT")

    def _texts(self) -> None:
        text = [one.text for one in self.made.parts["train"]]
        long = " ".join(text[5:25])
        self._change("no-text", "empty", text="")
        self._change("no-text", "white space", text=" \u200b ")
        self._change("too-long", "twenty texts", text=long)
        self._change("too-long", "the four longest texts", text=" ".join(sorted(text, key=len)[-4:]))
        self._change(
            "encoding", "UTF-8 as Windows-1252", text="HÔTEL SEVEN À TWO".encode().decode("cp1252", "ignore")
        )
        self._change("encoding", "U+FFFD", text="ENTER SEVEN FIFT\ufffd TWO")
        self._change("invisible", "control character", text="ENTER SIX\x07 SEVEN TWO")
        self._change("invisible", "byte-order mark", text="\ufeffENTER SIX SEVEN TWO")
        self._change("lookalike", "Cyrillic A and O", text="ERАSE SEVEN TWО SIX")
        self._change("lookalike", "Greek omicron", text="ERASE SEVEN TWΟ SIX")
        self._change("script", "Cyrillic words", text="СТЕРЕТЬ СЕМЬ ДВА")
        self._change("character", "an accent", text="ERASE CAFÉ SEVEN TWO")
        self._change("character", "a sign", text="ERASE SEVEN # TWO")
        self._change("markup", "a tag", text="ENTER <noise> SEVEN TWO")
        self._change("markup", "brackets", text="ENTER SEVEN [laughs] TWO")
        self._change("markup", "an entity", text="ENTER Q &amp; A SEVEN")
        self._change("number", "digits", text="ENTER 72 SIX")

    def _shared(self) -> None:
        test, train = self.made.parts["test"], self.made.parts["train"]
        row = self._row()
        speaker = train[row].speaker
        nobody = replace(test[0], id="planted-speaker", speaker=speaker, audio_filepath=self._other())
        test.append(replace(nobody, duration=2.0, digest="", audio_digest=""))
        self.made.faults.append(("shared-speaker", "one utterance in test", speaker))
        self.made.others.add("planted-speaker")
        sentence = "the quick brown fox jumps over the lazy dog"
        self._change("shared-text", "a sentence in both", text=sentence)
        test[1] = replace(test[1], text=sentence)
        self.made.others.add(self.made.faults[-1][2])
        self.made.faults[-1] = ("shared-text", "a sentence in both", test[1].id)
        self._change(
            "near-text", "one letter differs", text="she sells sea shells by the sea shore in summer"
        )
        self._change(
            "near-text", "one letter differs", text="she sells see shells by the sea shore in summer"
        )
        self.made.others.add(self.made.faults.pop(-2 if self._before(-2, -1) else -1)[2])

    def _before(self, first: int, second: int) -> bool:
        """Whether the one fault is in a line before the other: the later one is said to be near."""
        rows = {one.id: row for row, one in enumerate(self.made.parts["train"])}
        return rows[self.made.faults[first][2]] < rows[self.made.faults[second][2]]

    def _other(self) -> str:
        """Noise that comes and goes, of nobody."""
        noise = numpy_generator(1, "nobody").standard_normal(32000) * 0.05
        path = self.folder / "nobody.wav"
        soundfile.write(path, noise * np.abs(np.sin(np.arange(32000) / 3000)) ** 3, 16000, subtype="PCM_16")
        return str(path)

    def _transcripts(self) -> None:
        train = self.made.parts["train"]
        for number in range(2):
            row = self._row()
            self._taken |= {row - 1, row + 1}
            one, other = train[row], train[row + 1]
            train[row], train[row + 1] = replace(one, text=other.text), replace(other, text=one.text)
            self.made.faults += [
                ("shifted", f"swap {number}", one.id),
                ("shifted", f"swap {number}", other.id),
            ]
        for number in range(2):
            text = train[(7 + 100 * number) % len(train)].text
            self._change("transcript", "a text from far away", text=text)


def _loudest(samples: Samples, rate: int) -> int:
    """Where it is loudest, of its middle half."""
    quarter, frame = len(samples) // 4, rate // 50
    middle = samples[quarter : 3 * quarter]
    powers = np.square(middle[: len(middle) // frame * frame]).reshape(-1, frame).mean(axis=1)
    return quarter + int(powers.argmax()) * frame + frame // 2
