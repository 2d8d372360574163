"""Makes a small corpus of long utterances: those of the embedded corpus of digits, joined voice by voice.

    python benchmarks/long_digits.py long-digits

writes a folder with `train.jsonl`, `dev.jsonl`, `test.jsonl` and WAV files, which a recipe with `corpus.name =
"manifest"` learns from. Each utterance is of one voice; in training they are 1 to 25 s long (a network that hears long
ones alone hardly begins to learn), else 5 to 25 s. Every utterance of the digits is in one of them at most. Test
voices are those of the digits, and development voices are held out as `recipes/digits.toml` holds them out, so that no
vocal tract is in two parts. What is drawn is keyed by the voice: the same corpus in every run. Synthetic speech: it
shows what a training does with length, and nothing about people's voices.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from asr.audio import read_pcm16, resample
from asr.corpora import digits
from asr.corpora.espeak import write_wav
from asr.corpora.holdout import hold_out
from asr.manifest import Utterance, write_manifest
from asr.randomness import numpy_generator
from asr.recipe import Corpus

SEED = 7
SECONDS = {"train": (1.0, 25.0), "dev": (5.0, 25.0), "test": (5.0, 25.0)}
RATE = 8_000  # Hz: half that of the digits, to save time
DEV_SPEAKERS = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder to be written")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/attest-asr"))
    options = parser.parse_args()
    make(options.out, options.cache.expanduser())


def make(out: Path, cache: Path) -> None:
    """Writes the corpus, and says how much it is. What is there already is left as it is."""
    if (out / "test.jsonl").exists():
        return
    parts = digits.read(digits.make(cache, lambda *_: None, workers=1))
    learn, dev = hold_out(parts["train"], Corpus(name="digits", dev_speakers=DEV_SPEAKERS))
    for part, utterances in (("train", learn), ("dev", dev), ("test", parts["test"])):
        written = list(_write(out, part, by_voice(utterances)))
        write_manifest(out / f"{part}.jsonl", written)
        seconds = [each.duration for each in written]
        words = sum(len(each.text.split()) for each in written)
        between = f"{min(seconds):.1f} to {max(seconds):.1f} s"
        print(f"{part}: {len(written)} utterances, {sum(seconds) / 60:.1f} min, {between}, {words} words")


def by_voice(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    """Their ids are VOICE-NUMBER."""
    voices: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        voices.setdefault(utterance.id.rpartition("-")[0], []).append(utterance)
    return voices


def joined(seconds: Sequence[float], voice: str, bounds: tuple[float, float]) -> Iterator[list[int]]:
    """Which utterances of a voice, of so many seconds each, are joined; those left over at the end are in none.

    Each time a length between the bounds is drawn (its logarithm evenly: so there is as much audio in short ones as in
    long ones), and utterances follow in a drawn order as long as they fit into it.
    """
    generator = numpy_generator(SEED, "long digits", voice)
    order = generator.permutation(len(seconds)).tolist()
    while order:
        wanted, taken = float(np.exp(generator.uniform(*np.log(bounds)))), list[int]()
        while order and sum(seconds[each] for each in [*taken, order[0]]) <= wanted:
            taken.append(order.pop(0))
        if sum(seconds[each] for each in taken) >= bounds[0]:
            yield taken
        elif sum(seconds[each] for each in order) < bounds[0]:
            return
        else:  # the next one did not fit: another length
            order = taken + order


def _write(out: Path, part: str, voices: Mapping[str, Sequence[Utterance]]) -> Iterator[Utterance]:
    (out / part).mkdir(parents=True, exist_ok=True)
    for voice, utterances in voices.items():
        waves = [_at_rate(Path(each.audio_filepath)) for each in utterances]
        for number, chosen in enumerate(joined([len(wave) / RATE for wave in waves], voice, SECONDS[part])):
            samples = np.concatenate([waves[each] for each in chosen])
            name = f"{voice}-long-{number:02}"
            write_wav(out / part / f"{name}.wav", samples.tobytes(), RATE)
            yield Utterance(
                id=name,
                audio_filepath=f"{part}/{name}.wav",
                duration=len(samples) / RATE,
                text=" ".join(utterances[each].text for each in chosen),
                speaker=digits.speaker(voice),
                lang="en",
            )


def _at_rate(path: Path) -> np.ndarray:
    """(samples,) 16-bit."""
    pcm, rate = read_pcm16(path)
    samples = np.rint(resample(pcm[:, 0] / 32768, rate, RATE) * 32768)
    return samples.clip(-32768, 32767).astype("<i2")


if __name__ == "__main__":
    main()
