"""How far word times are from the truth, in milliseconds, before their correction and after.

    python benchmarks/alignment.py --model digits=runs/digits-s1 --recordings fsdd/recordings --json alignment.json

The speech is that of timed_speech.py. Constant offsets and label priors are measured on some voices and speakers, where
the settings of asr/decoding/word_borders.py were chosen, too; the errors are of the others. Four ways to get times:

    spikes    the frames of each word's tokens on the path of the forced alignment, as they are
    priors    the same after a division by the mean probability of each token (Huang et al., 2024)
    offset    spikes, moved by the mean error of starts and of ends on the other voices
    borders   what `asr align` and `asr transcribe --json` give (asr/decoding/word_borders.py)
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from timed_speech import Timed, recorded, synthetic

from asr.audio import resample
from asr.decoding.alignment import align
from asr.decoding.greedy import greedy
from asr.decoding.word_borders import Sound, powers, word_borders
from asr.decoding.word_times import WordSpan, known_words
from asr.files import write_json
from asr.runs.environment import read_environment
from asr.scoring import score
from asr.transcribe.hear import LogProbs
from asr.transcribe.reading import Piece
from asr.transcribe.transcriber import Transcriber

SPEAKERS = {"choose": ("jackson", "nicolas", "theo"), "report": ("george", "lucas", "yweweler")}
MANNERS = ("connected", "pauses")
Times = list[list[tuple[float, float]]]  # of the words of each utterance: start and end, seconds


class Heard:
    """Utterances as a model hears them."""

    def __init__(self, transcriber: Transcriber, utterances: Sequence[Timed]) -> None:
        self.utterances = utterances
        self.tokenizer = transcriber.bundle.tokenizer
        self.period = transcriber.windows.grid / transcriber.sample_rate
        self.log_probs: list[LogProbs] = []
        self.sounds: list[Sound] = []
        hop = transcriber.windows.hop
        for one in utterances:
            samples = resample(one.audio.samples, one.audio.sample_rate, transcriber.sample_rate)
            ((_, heard),) = transcriber.hear([Piece(0, samples, last=True)])
            self.log_probs.append(heard)
            self.sounds.append(Sound(powers(samples, hop), hop / transcriber.sample_rate))

    @property
    def wer(self) -> float:
        texts = [self.tokenizer.decode(greedy(matrix)) for matrix in self.log_probs]
        return score([(one.text, text) for one, text in zip(self.utterances, texts, strict=True)]).words.rate

    def spans(self, change: Callable[[LogProbs], np.ndarray] = lambda matrix: matrix) -> list[list[WordSpan]]:
        return [
            known_words(self.tokenizer, align(change(matrix), self.tokenizer.encode(one.text)), one.text)
            for one, matrix in zip(self.utterances, self.log_probs, strict=True)
        ]

    def spikes(self, spans: Sequence[Sequence[WordSpan]]) -> Times:
        return [
            [((word.start - 0.5) * self.period, (word.end - 0.5) * self.period) for word in words]
            for words in spans
        ]

    def borders(self, spans: Sequence[Sequence[WordSpan]]) -> Times:
        return [
            word_borders(words, self.period, sound) for words, sound in zip(spans, self.sounds, strict=True)
        ]

    def priors(self) -> np.ndarray:
        """(tokens,) log of the mean probability of each."""
        return np.log(np.exp(np.concatenate(self.log_probs).astype(np.float64)).mean(axis=0) + 1e-12)

    def errors(self, times: Times, manner: str) -> np.ndarray:
        """(words, 2) milliseconds by which starts and ends come too late."""
        return 1000 * np.array(
            [
                (start - word[1], end - word[2])
                for one, found in zip(self.utterances, times, strict=True)
                if one.manner == manner
                for word, (start, end) in zip(one.words, found, strict=True)
            ]
        )


def summary(errors: np.ndarray) -> dict[str, float]:
    """Of (words,) milliseconds."""
    off = np.abs(errors)
    return {
        "words": len(errors),
        "bias": round(float(errors.mean()), 1),
        "mean": round(float(off.mean()), 1),
        "median": round(float(np.median(off)), 1),
        "p95": round(float(np.percentile(off, 95)), 1),
        "within_50": round(float((off <= 50).mean()), 3),
        "within_100": round(float((off <= 100).mean()), 3),
    }


def measure(transcriber: Transcriber, choose: Sequence[Timed], report: Sequence[Timed]) -> dict[str, Any]:
    """Of one model and one kind of speech: by manner, way and side."""
    other, heard = Heard(transcriber, choose), Heard(transcriber, report)
    there = other.spikes(other.spans())
    late = np.mean(np.concatenate([other.errors(there, manner) for manner in MANNERS]), axis=0) / 1000
    prior = other.priors()
    spans = heard.spans()
    spikes = heard.spikes(spans)
    ways = {
        "spikes": spikes,
        "priors": heard.spikes(heard.spans(lambda matrix: matrix - prior)),
        "offset": [[(start - late[0], end - late[1]) for start, end in words] for words in spikes],
        "borders": heard.borders(spans),
    }
    found: dict[str, Any] = {"wer": round(heard.wer, 4), "offsets_ms": (1000 * late).round(1).tolist()}
    for manner in MANNERS:
        found[manner] = {}
        for way, times in ways.items():
            errors = heard.errors(times, manner)
            found[manner][way] = {"start": summary(errors[:, 0]), "end": summary(errors[:, 1])}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", required=True, metavar="NAME=RUN_OR_BUNDLE")
    parser.add_argument(
        "--recordings", type=Path, help="FSDD's folder of recordings; without it eSpeak NG alone"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME:SPEECH", help="these pairs of model and speech"
    )
    parser.add_argument("--voices-utterances", type=int, default=6, help="of each unheard voice, and manner")
    parser.add_argument("--speaker-utterances", type=int, default=30, help="of each speaker, and manner")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    speech = {}
    with tempfile.TemporaryDirectory() as folder:
        few = max(1, options.voices_utterances // 3)  # there are four times as many voices to choose on
        speech["espeak"] = (
            list(synthetic("choose", few, Path(folder))),
            list(synthetic("report", options.voices_utterances, Path(folder))),
        )
    if options.recordings:
        speech["fsdd"] = tuple(
            list(recorded(options.recordings, SPEAKERS[part], options.speaker_utterances))
            for part in SPEAKERS
        )  # type: ignore[assignment]
    results: dict[str, Any] = {}
    for given in options.model:
        name, _, path = given.partition("=")
        transcriber = Transcriber(path, device="cpu")
        for kind, parts in speech.items():
            if options.only and f"{name}:{kind}" not in options.only:
                continue
            found = results[f"{name} on {kind}"] = measure(transcriber, *parts)
            show(f"{name} on {kind}", found)
    if options.json:
        environment = read_environment().model_dump(mode="json")
        write_json(options.json, {"found": results, "environment": environment})


def show(title: str, found: dict[str, Any]) -> None:
    print(f"{title}: word error rate {found['wer']:.1%}, offsets {found['offsets_ms']} ms")
    print("speech     way      side   words   bias   mean median    p95  <=50 ms <=100 ms")
    for manner in MANNERS:
        for way, sides in found[manner].items():
            for side, one in sides.items():
                print(
                    f"{manner:10} {way:8} {side:5} {one['words']:6} {one['bias']:6.0f} {one['mean']:6.0f} "
                    f"{one['median']:6.0f} {one['p95']:6.0f} {one['within_50']:7.0%} {one['within_100']:8.0%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
