"""Our beam search beside flashlight-text's, pyctcdecode's and fast-ctc-decode's: the same log-probs, one thread.

    python benchmarks/beam_search.py --json beam_search.json
    python benchmarks/beam_search.py --run runs/an4-s1

Without a run the log-probs are made up: sentences of made-up words as spikes between blanks, with rivals. With one they
are what its model hears in its development part. What is not installed is left out (`pip install 'attest-asr[search]'`;
pyctcdecode and fast-ctc-decode with `--no-deps`). The decoders take turns, utterance by utterance; the middle of the
rounds' times of the processor counts. flashlight-text has to read what ours reads; the others prune in other ways.
"""

import argparse
import importlib.util
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import numpy.typing as npt

from asr.decoding.greedy import greedy
from asr.decoding.kenlm_model import KenlmModel
from asr.decoding.lexicon import Lexicon
from asr.decoding.search import Search
from asr.decoding.settings import UNKNOWN, SearchSettings
from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.files import write_json
from asr.lm.train import Settings as ModelSettings
from asr.lm.train import train
from asr.randomness import numpy_generator
from asr.runs.environment import read_environment
from asr.scoring import score
from asr.tokenizer import CharacterTokenizer, Tokenizer

LogProbs = npt.NDArray[np.float32]
Decode = Callable[[LogProbs], str]
AGREE = 0.85  # share of texts; narrow beams lose different alignments, so close readings may change places


@dataclass(frozen=True)
class Settings:
    utterances: int = 10
    frames: int = 300  # of each, where they are made up
    beam: int = 50
    rounds: int = 3
    frame: int = 40  # milliseconds that a frame stands for, where they are made up


@dataclass(frozen=True)
class Audio:
    """Log-probs and what belongs to them."""

    log_probs: list[LogProbs]
    seconds: float  # of all together
    references: list[str]
    texts: list[str]  # to learn words and n-grams from
    tokenizer: Tokenizer


def main() -> None:
    options = _options()
    settings = Settings(**{name: getattr(options, name) for name in asdict(Settings())})
    audio = from_run(options.run, settings) if options.run else made_up(settings)
    with tempfile.TemporaryDirectory() as folder:
        tasks = decoders(audio, settings, Path(folder))
        found = {name: measure(each, audio, settings) for name, each in tasks.items()}
    _print(found, audio)
    if options.json:
        tree = {
            "benchmark": "beam_search",
            "settings": asdict(settings),
            "log_probs": "run" if options.run else "made up",
        }
        write_json(
            options.json, tree | {"found": found, "environment": read_environment().model_dump(mode="json")}
        )
    if wrong := [name for name, each in found.items() if each.get("flashlight", {}).get("same", 1.0) < AGREE]:
        raise SystemExit(f"ours and flashlight-text read differently: {', '.join(wrong)}")


def made_up(settings: Settings) -> Audio:
    """Spikes of 31 letters and a space between blanks, as a trained model gives them."""
    letters = list("abcdefghijklmnopqrstuvwxyzäöüéè")
    rng = numpy_generator(1, "benchmark")
    words = ["".join(rng.choice(letters, size=rng.integers(2, 8))) for _ in range(500)]
    weights = 1 / np.arange(1, 501)
    texts = [" ".join(rng.choice(words, size=8, p=weights / weights.sum())) for _ in range(2000)]
    tokenizer = CharacterTokenizer([" ", *letters])
    said = [
        " ".join(texts[2 * n : 2 * n + 2])[: settings.frames // 3].strip() for n in range(settings.utterances)
    ]
    heard = [spikes(tokenizer.encode(text), settings.frames, tokenizer.size, rng) for text in said]
    seconds = settings.utterances * settings.frames * settings.frame / 1000
    return Audio(heard, seconds, said, texts, tokenizer)


def spikes(tokens: list[int], frames: int, size: int, rng: np.random.Generator) -> LogProbs:
    """(frames, size): a token each third frame; one in five has a strong rival."""
    scores = rng.normal(0.0, 1.5, size=(frames, size))
    scores[:, 0] += 12.0
    at = 1 + 3 * np.arange(len(tokens))
    scores[at, tokens] += rng.normal(16.0, 1.5, size=len(tokens))
    rivals = rng.random(len(tokens)) < 0.2
    scores[at[rivals], rng.integers(1, size, size=rivals.sum())] += rng.normal(15.0, 1.5, size=rivals.sum())
    return (scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)).astype(np.float32)


def from_run(run: Path, settings: Settings) -> Audio:
    """What the model of a run hears in its development part; the texts are those that it was trained on."""
    from asr import numerics

    numerics.pin()
    import torch

    from asr.audio import read_audio
    from asr.model.bundle import load_bundle
    from asr.transcribe.hear import posteriors

    torch.set_num_threads(1)
    bundle = load_bundle(run / "model")
    rate = bundle.description.front_end.sample_rate
    alphabet = bundle.tokenizer.to_json().get("alphabet", [])
    lower = not any(symbol.isupper() for symbol in alphabet)  # the text of manifests is as the corpus has it

    def rows(part: str) -> list[dict[str, Any]]:
        lines = (run / "manifests" / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def text(row: dict[str, Any]) -> str:
        return row["text"].lower() if lower else row["text"]

    chosen = rows("dev")[: settings.utterances]
    waveforms = [read_audio(row["audio_filepath"], sample_rate=rate).samples for row in chosen]
    heard = [posteriors(bundle.model, [waveform])[0] for waveform in waveforms]
    seconds = sum(map(len, waveforms)) / rate
    return Audio(heard, seconds, list(map(text, chosen)), list(map(text, rows("train"))), bundle.tokenizer)


def decoders(audio: Audio, settings: Settings, folder: Path) -> dict[str, dict[str, Decode]]:
    """By task and name. Ours comes first in each."""
    vocabulary = vocabulary_of(audio.tokenizer)
    lexicon = Lexicon.of_words(
        sorted({word for text in audio.texts for word in text.split()}), audio.tokenizer
    )
    (folder / "texts").write_text("\n".join(audio.texts), encoding="utf-8")
    train([folder / "texts"], folder / "words.arpa", ModelSettings(order=3))
    train([folder / "texts"], folder / "letters.arpa", ModelSettings(order=6, unit="character"))
    words, letters = KenlmModel(folder / "words.arpa"), KenlmModel(folder / "letters.arpa")
    wide = SearchSettings(beam=settings.beam)
    open_wide = SearchSettings(beam=settings.beam, unknown_score=UNKNOWN)
    by_letter = SearchSettings(beam=settings.beam, lm_unit="token", lm_weight=0.3)
    return {
        "greedy": {"ours": lambda log_probs: audio.tokenizer.decode(greedy(log_probs))},
        "no model": _ours(wide, vocabulary)
        | _fast_ctc_decode(vocabulary, settings)
        | _pyctcdecode(vocabulary, settings),
        "letters": _ours(by_letter, vocabulary, model=letters),
        "words, open": _ours(open_wide, vocabulary, lexicon=lexicon, model=words)
        | _pyctcdecode(vocabulary, settings, words.path, lexicon),
        "lexicon": _ours(wide, vocabulary, lexicon=lexicon),
        "lexicon, words": _ours(wide, vocabulary, lexicon=lexicon, model=words),
    }


def _ours(settings: SearchSettings, vocabulary: Vocabulary, **parts: Any) -> dict[str, Decode]:
    """Both engines, if the fast one can do it."""
    found = {}
    for engine in ("plain", "auto"):
        search = Search(settings, vocabulary=vocabulary, engine=engine, **parts)
        found["ours" if search.engine == "plain" else search.engine] = lambda log_probs, search=search: (
            search(log_probs).text
        )
    return found


def _pyctcdecode(
    vocabulary: Vocabulary, settings: Settings, path: Path | None = None, lexicon: Lexicon | None = None
) -> dict[str, Decode]:
    if importlib.util.find_spec("pyctcdecode") is None:
        return {}
    from pyctcdecode import build_ctcdecoder

    known = sorted({word for word, _ in lexicon.spellings}) if lexicon is not None else None
    made = build_ctcdecoder(list(vocabulary.symbols), str(path) if path else None, known, alpha=0.5, beta=0.0)
    pruning = {"beam_width": settings.beam, "beam_prune_logp": -20.0, "token_min_logp": -10.0}
    return {"pyctcdecode": lambda log_probs: " ".join(made.decode(log_probs, **pruning).split())}


def _fast_ctc_decode(vocabulary: Vocabulary, settings: Settings) -> dict[str, Decode]:
    if importlib.util.find_spec("fast_ctc_decode") is None:
        return {}
    from fast_ctc_decode import beam_search

    symbols = ["_", *vocabulary.symbols[1:]]

    def decode(log_probs: LogProbs) -> str:
        text, _ = beam_search(
            np.exp(log_probs), symbols, beam_size=settings.beam, beam_cut_threshold=np.exp(-10.0)
        )
        return " ".join(text.split())

    return {"fast-ctc-decode": decode}


def measure(each: dict[str, Decode], audio: Audio, settings: Settings) -> dict[str, dict[str, Any]]:
    """Of each decoder of a task: milliseconds of the processor a second of audio, and how it read."""
    times: dict[str, list[float]] = {name: [] for name in each}
    read: dict[str, list[str]] = {name: [] for name in each}
    for number in range(-1, settings.rounds):  # the first one to warm up
        spent = dict.fromkeys(each, 0.0)
        read = {name: [] for name in each}
        for log_probs in audio.log_probs:
            for name, decode in each.items():
                start = time.process_time()
                read[name].append(decode(log_probs))
                spent[name] += time.process_time() - start
        for name in each if number >= 0 else ():
            times[name].append(1000 * spent[name] / audio.seconds)
    return {
        name: {
            "milliseconds": times[name],
            "same": statistics.mean(a == b for a, b in zip(read[name], read["ours"], strict=True)),
            "wer": score(list(zip(audio.references, read[name], strict=True)), bootstrap=1).wer,
        }
        for name in each
    }


def _print(found: dict[str, dict[str, dict[str, Any]]], audio: Audio) -> None:
    frames = sum(map(len, audio.log_probs))
    print(
        f"{len(audio.log_probs)} utterances, {audio.seconds:.0f} s, {frames} frames, {audio.tokenizer.size} tokens\n"
    )
    print(
        f"{'':16}{'':16}{'ms / s audio':>13}{'ms / 300 frames':>17}{'ours / it':>11}{'as ours':>9}{'WER':>7}"
    )
    for task, each in found.items():
        ours = statistics.median(each["ours"]["milliseconds"])
        for name, one in each.items():
            median = statistics.median(one["milliseconds"])
            per_frames = median * audio.seconds / frames * 300
            ratio = ours / median if median else float("nan")
            print(
                f"{task:16}{name:16}{median:13.2f}{per_frames:17.1f}{ratio:11.2f}{one['same']:9.0%}{one['wer']:7.1%}"
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"({default})")
    parser.add_argument("--run", type=Path, help="a run folder, whose model and development part are taken")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
