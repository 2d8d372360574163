"""Live recognition on a stream of joined utterances: error rate, delay, time and memory.

    python benchmarks/live.py --run runs/an4-s1 --json live.json

The utterances are the development part of the run (its manifest), in an order drawn with --seed, joined with pauses of
a second and with none; in the pauses is noise as weak as the quietest tenth of the utterance before. The stream is fed
in chunks of a tenth of a second, one thread.

Delays are those of a stream in real time, without waiting for it: a chunk can be heard when its last sample has been
said and the chunk before has been heard; what is found is there when computing is over, whose time is measured as
processor time, so that other work on the machine does not count. A word has been said when the word times of the final
result say so (docs/times.md has how far off they are).
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from asr import numerics

numerics.pin()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from asr.audio import Audio, read_audio  # noqa: E402
from asr.manifest import read_manifest  # noqa: E402
from asr.scoring import ErrorCounts, count_errors  # noqa: E402
from asr.text import normalise  # noqa: E402
from asr.transcribe.live import live as live_module  # noqa: E402
from asr.transcribe.live.live import Final, Live, Partial, Update  # noqa: E402
from asr.transcribe.transcriber import Transcriber  # noqa: E402

CHUNK = 0.1  # seconds
PAUSES = (1.0, 0.0)  # seconds between two utterances
Timed = tuple[float, Update]  # when it was there, in seconds of the stream


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="a run folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--voice", choices=("silero", "energy"), action="append", help="(both)")
    parser.add_argument("--hours", type=float, default=1.0, help="of the stream for memory; 0: leave it out")
    parser.add_argument("--json", type=Path, help="write results there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    live_module.perf_counter = time.process_time
    transcriber = Transcriber(options.run, device="cpu", words=True)
    texts, sounds = utterances(options.run, transcriber, options.seed)
    results: dict[str, Any] = {"single": single(transcriber, texts, sounds)}
    show("each by itself", results["single"])
    for pause in PAUSES:
        stream = joined(sounds, pause, transcriber.sample_rate, options.seed)
        for voice in options.voice or ("silero", "energy"):
            name = f"pauses of {pause:g} s, {voice}"
            results[name] = live(transcriber, texts, stream, voice)
            show(name, results[name])
    if options.hours:
        stream = joined(sounds, PAUSES[0], transcriber.sample_rate, options.seed)
        results["memory"] = memory(transcriber, stream, options.hours)
        show("memory", results["memory"])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(name: str, found: dict[str, Any]) -> None:
    print(f"{name}: {json.dumps(found)}", flush=True)


def utterances(run: Path, transcriber: Transcriber, seed: int) -> tuple[list[str], list[np.ndarray]]:
    """Texts and samples of the development part, in the order of the stream."""
    found = list(read_manifest(run / "manifests" / "dev.jsonl"))
    order = np.random.default_rng(seed).permutation(len(found))
    chosen = [found[place] for place in order]
    rule = transcriber.bundle.description.text
    texts = [normalise(utterance.text, rule) for utterance in chosen]
    return texts, [
        read_audio(utterance.audio_filepath, sample_rate=transcriber.sample_rate).samples
        for utterance in chosen
    ]


def joined(sounds: Sequence[np.ndarray], pause: float, rate: int, seed: int) -> np.ndarray:
    """(samples,) with a pause of noise behind each."""
    generator = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    for sound in sounds:
        block = round(0.02 * rate)
        levels = np.sqrt(np.square(sound[: len(sound) // block * block].reshape(-1, block)).mean(axis=1))
        noise = generator.standard_normal(round(pause * rate)) * np.quantile(levels, 0.1)
        parts += [sound, noise.astype(np.float32)]
    return np.concatenate(parts)


def single(transcriber: Transcriber, texts: Sequence[str], sounds: Sequence[np.ndarray]) -> dict[str, Any]:
    heard = [transcriber(Audio(sound, transcriber.sample_rate)).text for sound in sounds]
    counts = sum(map(count_errors, texts, heard), ErrorCounts())
    return {"words": counts.reference_length, "errors": counts.errors, "wer": round(100 * counts.rate, 2)}


def live(transcriber: Transcriber, texts: Sequence[str], stream: np.ndarray, voice: Any) -> dict[str, Any]:
    """One run with partials, for delays and time, and one without, which must have the same finals."""
    heard, seconds = play(Live(transcriber, voice=voice), stream)
    finals = [update for _, update in heard if isinstance(update, Final)]
    plain, least = play(Live(transcriber, voice=voice), stream, partials=False)
    if [update for _, update in plain if isinstance(update, Final)] != finals:
        raise SystemExit("finals depend on the partials")
    counts = count_errors(" ".join(texts), " ".join(final.text for final in finals if final.text))
    length = len(stream) / transcriber.sample_rate
    return {
        "seconds": round(length, 1),
        "finals": len(finals),
        "cut": sum(not final.pause for final in finals),
        "errors": counts.errors,
        "wer": round(100 * counts.rate, 2),
        "partials": len(heard) - len(finals),
        "real-time factor": round(seconds / length, 3),
        "without partials": round(least / length, 3),
        "delay of a word in a partial": spread(partial_delays(heard)),
        "delay of a word in its final": spread(final_delays(heard)),
        "delay of a final after its last word": spread(final_delays(heard, last=True)),
    }


def play(live: Live, stream: np.ndarray, partials: bool = True) -> tuple[list[Timed], float]:
    """Updates with the time at which they would be there, and seconds of computing."""
    heard: list[Timed] = []
    free = total = 0.0  # when computing is free again, and its sum
    for chunk in chunks(stream, round(CHUNK * live.sample_rate)):
        begin = time.process_time()
        updates = live.feed(chunk, partials=partials) if chunk is not None else live.finish()
        took = time.process_time() - begin
        free = max(live.seconds, free) + took
        total += took
        heard += [(free, update) for update in updates]
    return heard, total


def chunks(stream: np.ndarray, size: int) -> Iterator[np.ndarray | None]:
    for begin in range(0, len(stream), size):
        yield stream[begin : begin + size]
    yield None


def partial_delays(heard: Sequence[Timed]) -> Iterator[float]:
    """Of each final word, until it stood at its place for the first time, in a partial or in the final."""
    since: list[tuple[float, Partial]] = []
    for when, update in heard:
        if isinstance(update, Partial):
            since.append((when, update))
            continue
        for place, word in enumerate(update.words):
            first = next((at for at, partial in since if stands(partial, place, word.word)), when)
            yield max(0.0, first - word.end)
        since.clear()


def stands(partial: Partial, place: int, word: str) -> bool:
    return len(partial.words) > place and partial.words[place].word == word


def final_delays(heard: Sequence[Timed], last: bool = False) -> Iterator[float]:
    """Of each word, or of the last one before a pause, until its final result."""
    for when, update in heard:
        if isinstance(update, Final) and update.words and not (last and not update.pause):
            words = update.words[-1:] if last else update.words
            yield from (when - word.end for word in words)


def spread(values: Iterable[float]) -> dict[str, float]:
    found = sorted(values)
    return {f"{share:.0%}": round(float(np.quantile(found, share)), 2) for share in (0.5, 0.95)}


def memory(transcriber: Transcriber, stream: np.ndarray, hours: float) -> dict[str, Any]:
    """Resident memory while the stream is repeated, fed as fast as it is heard, without partials."""
    live = Live(transcriber)
    curve: dict[str, float] = {}
    begin, due = time.process_time(), 0.0
    while live.seconds < 3600 * hours:
        for chunk in chunks(stream, round(CHUNK * live.sample_rate)):
            if chunk is not None:
                live.feed(chunk, partials=False)
            if live.seconds >= due:
                curve[f"{live.seconds / 60:.0f} min"] = round(resident(), 1)
                due += 600
    took = time.process_time() - begin
    return {"MB": curve, "end": round(resident(), 1), "times real time": round(live.seconds / took, 1)}


def resident() -> float:
    """MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
