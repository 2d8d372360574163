"""Two hours of speech in one file: is it read as well as its utterances one by one, and in how much memory?

    python benchmarks/long_audio.py runs/an4-s1 --part test --json long_audio.json --plot docs/long-audio.svg

The utterances of a part of the run are joined in shuffled orders, again and again, until the file is long enough, with
pauses of 0.3 to 2 s between them (of faint noise, or of digital silence) or with none. Each file has its own process.
Errors are counted over the whole file at once, so a word that is lost, doubled or in the wrong place is one. That times
are those of the file is seen from the words whose middle lies within the utterance that they were read in.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.audio import read_audio
from asr.files import write_json
from asr.manifest import read_manifest
from asr.numerics import pin
from asr.runs.environment import read_environment
from asr.scoring import ErrorCounts, count_errors

KINDS = ("none", "noise", "digital")
PAUSE = (0.3, 2.0)  # seconds
NOISE = 0.001  # standard deviation of the faint one: 60 dB below full scale
RATE = 16_000  # Hz of the files
SEED = 1
EVERY = 1.0  # seconds between two looks at the memory


def main() -> None:
    options = _options()
    if options.one:
        print(json.dumps(one(options, options.one)))
        return
    found: dict[str, Any] = {"benchmark": "long_audio", "part": options.part, "seconds": options.seconds}
    found["files"] = [each_in_a_process(kind) for kind in options.pauses]
    found["environment"] = read_environment().model_dump(mode="json")
    report(found["files"])
    if options.json:
        write_json(options.json, found)
    if options.plot:
        plot(found["files"], options.plot)


def each_in_a_process(kind: str) -> Any:
    line = [sys.executable, __file__, *sys.argv[1:], "--one", kind]
    return json.loads(subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout)


def one(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """One long file."""
    pin()
    from asr import Transcriber

    utterances = list(read_manifest(options.run / "manifests" / f"{options.part}.jsonl"))
    waves = [read_audio(each.audio_filepath, sample_rate=RATE).samples for each in utterances]
    texts = [each.text.lower() for each in utterances]
    transcriber = Transcriber(
        options.run, device="cpu", words=True, decoder=options.decoder, segmentation=options.segmentation
    )
    files = [each.audio_filepath for each in utterances]
    alone = [found.text for _, found in transcriber.many(files, workers=options.workers)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.wav")
        order, places = write_joined(path, waves, kind, options.seconds)
        with Memory() as memory:
            begin = time.perf_counter()
            ((_, found),) = transcriber.many([path], workers=options.workers)
            seconds = time.perf_counter() - begin
    return {
        "pauses": kind,
        "weights": transcriber.bundle.description.weights,
        "segmentation": found.segmentation,
        "seconds": found.seconds,
        "utterances": len(order),
        "computing": seconds,
        "alone": errors([texts[each] for each in order], [alone[each] for each in order]),
        "joined": errors([" ".join(texts[each] for each in order)], [found.text.lower()]),
        "as alone": same_as_alone(found.words, [alone[each] for each in order], places),
        "memory": memory.seen,
    }


def write_joined(
    path: Path, waves: Sequence[np.ndarray], kind: str, seconds: float
) -> tuple[list[int], list[tuple[float, float]]]:
    """Writes the file; which utterances it has, and where each begins and ends in it."""
    import soundfile

    generator = np.random.default_rng(SEED)
    order: list[int] = []
    places: list[tuple[float, float]] = []
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for number in _shuffled(generator, len(waves)):
            if kind != "none" and order:
                size = round(generator.uniform(*PAUSE) * RATE)
                file.write(NOISE * generator.standard_normal(size) if kind == "noise" else np.zeros(size))
            begin = file.tell() / RATE
            file.write(waves[number])
            order.append(number)
            places.append((begin, file.tell() / RATE))
            if file.tell() >= seconds * RATE:
                break
    return order, places


def _shuffled(generator: np.random.Generator, count: int) -> Iterator[int]:
    while True:
        yield from generator.permutation(count).tolist()


def errors(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, Any]:
    pairs = zip(references, hypotheses, strict=True)
    counts = sum((count_errors(*pair) for pair in pairs), ErrorCounts())
    kinds = {name: getattr(counts, name) for name in KINDS_OF_ERRORS}
    return {"wer": counts.rate, "words": counts.reference_length, **kinds}


KINDS_OF_ERRORS = ("substitutions", "deletions", "insertions")


def same_as_alone(
    words: Sequence[Any], alone: Sequence[str], places: Sequence[tuple[float, float]]
) -> dict[str, float]:
    """The share of utterances whose time in the file has the very words that each has by itself."""
    begins = np.array([begin for begin, _ in places])
    inside: list[list[str]] = [[] for _ in places]
    outside = 0
    for word in words:
        middle = (word.start + word.end) / 2
        number = int(np.searchsorted(begins, middle, side="right")) - 1
        if number < 0 or middle > places[number][1]:
            outside += 1
        else:
            inside[number].append(word.word)
    same = sum(" ".join(found) == text for found, text in zip(inside, alone, strict=True))
    return {"utterances": same / len(places), "words in pauses": outside}


class Memory:
    """Notes how much memory this process has, every second: (seconds since the beginning, MB)."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        begin = time.perf_counter()
        while not self._over.wait(EVERY):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.seen.append((round(time.perf_counter() - begin, 1), round(pages * 4096 / 1e6)))


def report(files: Sequence[dict[str, Any]]) -> None:
    print(
        "| pauses | cut | one by one | joined | sub, del, ins | as alone | computing | memory, middle and peak |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for each in files:
        alone, joined, seen = each["alone"], each["joined"], [size for _, size in each["memory"]]
        kinds = ", ".join(str(joined[name]) for name in KINDS_OF_ERRORS)
        middle = sorted(seen)[len(seen) // 2] if seen else 0
        print(
            f"| {each['pauses']} | {each['segmentation']} | {alone['wer']:.2%} | {joined['wer']:.2%} | {kinds} "
            f"| {each['as alone']['utterances']:.1%} | {each['computing']:.0f} s "
            f"| {middle} MB, {max(seen, default=0)} MB |"
        )


def plot(files: Sequence[dict[str, Any]], path: Path) -> None:
    """Memory over time."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "long_audio"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    for each in files:
        times = [100 * second / each["computing"] for second, _ in each["memory"]]
        label = {"none": "no pauses", "noise": "pauses of noise", "digital": "digital silence"}[
            each["pauses"]
        ]
        axes.plot(times, [size for _, size in each["memory"]], label=label, linewidth=1)
    axes.set(xlabel="% of the file", ylabel="memory of the process, MB", ylim=(0, None), xlim=(0, 100))
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="its folder; the corpus must be where its manifests say")
    parser.add_argument("--part", default="dev", choices=("dev", "test"))
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("--pauses", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--segmentation", choices=("auto", "pauses", "windows"), default="auto")
    parser.add_argument("--decoder", choices=("greedy", "beam"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
