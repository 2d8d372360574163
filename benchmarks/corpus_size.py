"""What it costs to have a thousand utterances, or a million: seconds and memory of everything but the audio.

    python benchmarks/corpus_size.py --json corpus_size.json --plot docs/scale/utterances.svg

The utterances are made up and have no audio. Each size is measured in processes of its own. A stage is repeated where
it is short, and the middle one counts; seconds are those of the processor, beside them those of the clock. Memory is
the highest so far, above a process that has imported torch and nothing else.
"""

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from asr import numerics

numerics.pin()  # before torch loads

import torch  # noqa: E402


def resident(key: str = "VmRSS") -> float:
    """Megabytes of this process, of Linux."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(key))) / 1024


EMPTY = resident()

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402

from asr import manifest_index  # noqa: E402
from asr.corpora import decode, known_files  # noqa: E402
from asr.corpora.holdout import hold_out  # noqa: E402
from asr.corpora.leaks import find_leaks  # noqa: E402
from asr.corpora.lock import split_lock  # noqa: E402
from asr.files import write_json  # noqa: E402
from asr.manifest import (  # noqa: E402
    Manifest,
    Selected,
    Utterance,
    manifest_digest,
    read_manifest,
    write_manifest,
)
from asr.recipe import Recipe  # noqa: E402
from asr.recipe_file import recipe_from_tree  # noqa: E402
from asr.runs.environment import read_environment  # noqa: E402
from asr.runs.learning import Beginning, begin  # noqa: E402
from asr.training.examples import Examples  # noqa: E402
from asr.training.plan import plan_training  # noqa: E402

SIZES = (1_000, 10_000, 100_000, 1_000_000)
IN_SHARD = 100  # utterances
ROUNDS = 20  # of a short stage
WORDS = [
    f"{first}{last}"
    for first in ("ba", "dor", "en", "fi", "gul")
    for last in ("", "ma", "ter", "s", "ling", "o")
]
RECIPE: Recipe = recipe_from_tree(
    {
        "name": "made-up",
        "corpus": {"name": "manifest", "dev_speakers": 5},
        "model": {"hidden": 16, "layers": 1, "projection": 16},  # its size does not matter here
    },
    "made-up",
)
STAGES = {  # in order; what a training waits for before its first step, then what is done once
    "open": "open the manifest",
    "select": "learn the alphabet, choose utterances",
    "plan": "plan an epoch",
    "windows": "plan an epoch in windows of shards",
    "resume": "open, select, plan, and a step in the middle of the epoch",
    "write": "write the manifest, with its index",
    "index": "make the index of a manifest that has none",
    "ids": "find ids that are there twice",
    "hold out": "hold out development speakers",
    "lock": "identity of the split, for its lock",
    "digest": "digest of the manifest, for the record",
    "leaks": "what the test part shares with it",
    "prepare": "bookkeeping of decoded files, without decoding",
}
CHAIN = ("open", "select", "plan", "windows", "resume")


@dataclass(frozen=True)
class Measured:
    """Of one stage."""

    seconds: float  # of the clock
    processor: float  # seconds
    megabytes: float  # above the empty process, the highest since the process began


class InShards(Selected):
    """As if every so many utterances lay in a shard."""

    @property
    def shards(self) -> npt.NDArray[np.int32]:
        return (np.arange(len(self)) // IN_SHARD).astype(np.int32)


def made_up(count: int, start: int = 0) -> Iterator[Utterance]:
    """Four to twenty words, half a second and more, a thousand speakers, as a line of 370 bytes."""
    generator = random.Random(1)
    for number in range(start, start + count):
        text = " ".join(generator.choices(WORDS, k=generator.randint(4, 20)))
        digest = hashlib.sha256(b"%d" % number).hexdigest()
        speaker = f"s{number % 997:04d}"
        yield Utterance(
            id=f"{speaker}-{number:07d}",
            audio_filepath=f"/speech/{speaker}/{number:07d}.flac",
            duration=round(0.075 * len(text) + generator.uniform(0.4, 1.9), 4),
            text=text,
            speaker=speaker,
            lang="en",
            digest=digest,
            audio_digest=digest,
        )


class Stages:
    """Measures one after the other."""

    def __init__(self, count: int) -> None:
        self.count, self.found = count, dict[str, Measured]()

    def measure(self, name: str, once: Callable[[], Any]) -> Any:
        """Gives back what the last repeat has given back."""
        clock, processor = [], []
        for _ in range(max(1, min(ROUNDS, 20_000 // self.count))):
            times = time.perf_counter(), time.process_time()
            result = once()
            clock.append(time.perf_counter() - times[0])
            processor.append(time.process_time() - times[1])
        highest = resident("VmHWM") - EMPTY
        self.found[name] = Measured(statistics.median(clock), statistics.median(processor), highest)
        return result


def measure_chain(count: int, folder: Path) -> dict[str, Measured]:
    """What a training waits for before its first step."""
    stages, path = Stages(count), folder / "train.jsonl"
    manifest: Manifest = stages.measure("open", lambda: read_manifest(path))
    chosen: Beginning = stages.measure("select", lambda: begin(RECIPE, manifest, torch.device("cpu")))
    examples = chosen.examples
    stages.measure("plan", lambda: plan_training(examples, RECIPE, 3))
    every = np.arange(len(examples))
    packed = Examples(InShards(examples.table, every), examples.tokenizer, RECIPE.text)
    stages.measure("windows", lambda: plan_training(packed, RECIPE, 3))
    return stages.found


def measure_resume(count: int, folder: Path) -> dict[str, Measured]:
    """As a process that goes on does it."""
    stages = Stages(count)
    stages.measure("resume", lambda: resume(folder / "train.jsonl"))
    return stages.found


def resume(path: Path) -> list[Any]:
    """Everything from the file to the targets of a step in the middle."""
    examples = begin(RECIPE, read_manifest(path), torch.device("cpu")).examples
    steps = plan_training(examples, RECIPE, 3)
    return [examples[row].target for batch in steps[len(steps) // 2] for row in batch]


def measure_bookkeeping(count: int, folder: Path) -> dict[str, Measured]:
    """What is done once, or once in a run."""
    stages, path = Stages(count), folder / "written.jsonl"
    stages.measure("write", lambda: write_manifest(path, made_up(count)))
    stages.measure("index", lambda: _index(path))
    manifest = read_manifest(path)
    stages.measure("ids", lambda: decode.check_ids("made-up", folder, {"train": manifest}))
    stages.measure("hold out", lambda: hold_out(manifest, RECIPE.corpus))
    stages.measure("lock", lambda: split_lock(manifest))
    stages.measure("digest", lambda: manifest_digest(manifest))
    test = list(made_up(1000, start=count))
    stages.measure("leaks", lambda: find_leaks({"train": manifest, "test": test}, RECIPE.text))
    return stages.found


def _index(path: Path) -> None:
    manifest_index.index_path(path).unlink()
    assert len(read_manifest(path).columns.starts)


def measure_preparing(count: int, folder: Path) -> dict[str, Measured]:
    """With made-up results in the place of those of decoding."""
    stages = Stages(count)
    utterances = list(made_up(count))
    seconds = {utterance.audio_filepath: utterance for utterance in utterances}

    def decoded(stretch: Any, _before: Any) -> Any:
        known = seconds[stretch.path]
        return known_files.Decoded(1, 2, 3, known.offset, known.duration, known.audio_digest)

    with mock.patch.object(decode, "_decode_one", decoded):
        stages.measure("prepare", lambda: _prepare(utterances, folder))
    return stages.found


def _prepare(utterances: list[Utterance], folder: Path) -> None:
    with tempfile.TemporaryDirectory() as known:  # as for the first time: nothing is known of any file
        decode.decode_all("made-up", folder, {"train": utterances}, Path(known), lambda *_: None, workers=1)


def measure_size(count: int, folder: Path) -> dict[str, Measured]:
    """In processes of their own: what one has taken from the system it seldom gives back."""
    path = folder / "train.jsonl"
    write_manifest(path, made_up(count))
    found: dict[str, Measured] = {}
    for part in PARTS:
        command = [sys.executable, __file__, "--part", part, "--sizes", str(count), "--folder", str(folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found |= {name: Measured(**values) for name, values in json.loads(done.stdout).items()}
    return found


PARTS = {
    "chain": measure_chain,
    "resume": measure_resume,
    "bookkeeping": measure_bookkeeping,
    "prepare": measure_preparing,
}


def main() -> None:
    options = _options()
    manifest_index.LEAST = 1  # else small manifests, which are parsed in a blink, would have no index
    if options.part:
        found = PARTS[options.part](options.sizes[0], options.folder)
        print(json.dumps({name: asdict(values) for name, values in found.items()}))
        return
    sizes: dict[int, dict[str, Measured]] = {}
    for count in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            sizes[count] = measure_size(count, Path(folder))
    print_table(sizes)
    if options.json:
        write_json(options.json, _tree(sizes))
    if options.plot:
        plot(sizes, options.plot)


def print_table(sizes: dict[int, dict[str, Measured]]) -> None:
    print(
        "microseconds of the processor an utterance; at the last size also seconds (of the clock) and memory\n"
    )
    heads = "".join(f"{count:>11,}" for count in sizes)
    print(f"{'stage':10}{heads} {'processor':>11} {'clock':>9} {'memory':>10}")
    last = sizes[max(sizes)]
    for name in STAGES:
        each = "".join(f"{found[name].processor / count * 1e6:11.2f}" for count, found in sizes.items())
        at = last[name]
        print(f"{name:10}{each} {at.processor:9.2f} s {at.seconds:7.2f} s {at.megabytes:7.0f} MB")


def plot(sizes: dict[int, dict[str, Measured]], path: Path) -> None:
    """Time an utterance, and memory of the chain, over the number of utterances."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams |= {"svg.hashsalt": "scale", "svg.fonttype": "none"}
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.4), width_ratios=(3, 2))
    counts, last = list(sizes), sizes[max(sizes)]
    for number, name in enumerate(sorted(STAGES, key=lambda name: -last[name].processor)):
        values = [sizes[count][name].processor / count * 1e6 for count in counts]
        style = "-o" if name in CHAIN else "--s"
        left.loglog(counts, values, style, color=f"C{number % 10}", markersize=4, label=name)
    left.set(xlabel="utterances", ylabel="microseconds an utterance", title="Time")
    left.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    memory = [max(sizes[count][name].megabytes for name in CHAIN) for count in counts]
    right.semilogx(counts, memory, "-o", color="black", markersize=4)
    right.axhline(200, color="grey", linestyle=":")
    right.annotate("200 MB", (counts[0], 203), color="grey", fontsize=9)
    right.set(
        xlabel="utterances",
        ylabel="megabytes above import torch",
        title="Memory before the first step",
        ylim=(0, 250),
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _tree(sizes: dict[int, dict[str, Measured]]) -> dict[str, object]:
    return {
        "benchmark": "corpus_size",
        "stages": STAGES,
        "sizes": {
            str(count): {name: asdict(found[name]) for name in STAGES} for count, found in sizes.items()
        },
        "environment": read_environment().model_dump(mode="json"),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="numbers of utterances"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times there as well")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them (needs matplotlib)")
    parser.add_argument("--part", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
