"""Transcription: how long it takes, of what the machine could do, and beside pocketsphinx.

    python benchmarks/transcription.py --model runs/an4-s1-0123abcd --audio FOLDER --json transcription.json

FOLDER has sound files of 16 kHz, such as AN4's test part; pocketsphinx has to be installed for its part. Each
measurement is a process of its own, bound to one core or two (transcription_parts.py); those that are compared take
turns. The middle time of each counts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.files import write_json
from asr.runs.environment import read_environment
from asr.transcribe.files.names import named

PARTS = Path(__file__).with_name("transcription_parts.py")
LENGTHS = (10, 100, 1000, 7200)  # seconds


def main() -> None:
    options = _options()
    files = [str(Path(each.path).resolve()) for each in named([str(options.audio)])]
    model = str(options.model.resolve())
    found: dict[str, Any] = {"benchmark": "transcription", "files": len(files)}
    if "start" in options.parts:
        found["start"] = start(model, files, options.rounds)
    if "warm" in options.parts:
        found["rates"] = part("rates", 1)
        found["warm"] = {str(cores): part("warm", cores, model, *files) for cores in (1, 2)}
    if "cold" in options.parts:
        found["cold"] = cold(model, files, options.rounds)
    if "sphinx" in options.parts:
        found["sphinx"] = sphinx(model, files[:: max(1, len(files) // 40)])
    if "lengths" in options.parts:
        found["lengths"] = lengths(model, files)
    if "memory" in options.parts:
        found["memory"] = part("memory", 2, model, str(options.count), *files)
    found["environment"] = read_environment().model_dump(mode="json")
    report(found)
    if options.json:
        write_json(options.json, found)
    if options.plot and "lengths" in found:
        plot(found["lengths"], options.plot)


def part(name: str, cores: int, *arguments: str) -> Any:
    """What a part prints."""
    line = [sys.executable, str(PARTS), name, str(cores), *arguments]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def start(model: str, files: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Seconds from the start of a process to its first word, and those of `import torch` alone, in turns."""
    found: dict[str, list[float]] = {"import torch": [], "first word": []}
    for _ in range(rounds):
        found["import torch"].append(_until_output(1, "-c", "import torch; print()"))
        found["first word"].append(_until_output(1, *_asr(model, files[:1])))
    return found


def cold(model: str, files: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Seconds of whole processes that transcribe all files."""
    ways: dict[str, tuple[int, list[str]]] = {
        "one core": (1, []),
        "two cores, two threads": (2, ["--workers", "2"]),
        "two cores, two processes": (2, ["--processes", "2"]),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (cores, arguments) in ways.items():
            found[name].append(_whole(cores, *_asr(model, files), *arguments))
    return found


def sphinx(model: str, files: Sequence[str], rounds: int = 2) -> dict[str, Any]:
    """Whole processes on the same files on one core, in turns."""
    found: dict[str, Any] = {"files": len(files), "pocketsphinx": [], "asr": []}
    for _ in range(rounds):
        found["pocketsphinx"].append(_whole(1, str(PARTS), "sphinx", "1", *files))
        found["asr"].append(_whole(1, *_asr(model, files)))
    return found


def lengths(model: str, files: Sequence[str]) -> dict[str, Any]:
    """Files of 10 s to two hours, made of the given ones, on one core; each length in a process of its own."""
    import numpy as np
    import soundfile

    from asr.audio import read_audio

    speech = np.concatenate([read_audio(file, sample_rate=16_000).samples for file in files])
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for seconds in LENGTHS:
            path = Path(folder) / f"{seconds}.wav"
            soundfile.write(path, np.resize(speech, seconds * 16_000), 16_000, subtype="PCM_16")
            found[str(seconds)] = part("lengths", 1, model, files[0], str(path))
    return found


def _asr(model: str, files: Sequence[str]) -> list[str]:
    return ["-m", "asr.cli.main", "transcribe", "--model", model, "--device", "cpu", *files]


def _python(cores: int, *arguments: str) -> list[str]:
    bound = ",".join(map(str, range(cores)))
    return ["taskset", "-c", bound, sys.executable, *arguments]


def _until_output(cores: int, *arguments: str) -> float:
    begin = time.perf_counter()
    with subprocess.Popen(_python(cores, *arguments), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        return time.perf_counter() - begin


def _whole(cores: int, *arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run(_python(cores, *arguments), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def report(found: dict[str, Any]) -> None:
    """Prints the tables."""
    middle = statistics.median
    if "start" in found:
        torch, word = middle(found["start"]["import torch"]), middle(found["start"]["first word"])
        print(f"import torch {torch:.2f} s, start to first word {word:.2f} s: {word - torch:.2f} s more\n")
    if "warm" in found:
        _report_warm(found)
    if "cold" in found:
        audio = found["warm"]["1"]["audio"] if "warm" in found else float("nan")
        for name, times in found["cold"].items():
            print(f"cold, {name}: {middle(times):.2f} s, real-time factor {middle(times) / audio:.4f}")
    if "sphinx" in found:
        theirs, ours = middle(found["sphinx"]["pocketsphinx"]), middle(found["sphinx"]["asr"])
        print(
            f"\n{found['sphinx']['files']} files: pocketsphinx {theirs:.1f} s, asr {ours:.1f} s ({theirs / ours:.0f})"
        )
    for seconds, measured in found.get("lengths", {}).items():
        wall = middle(time for time, _ in measured["times"])
        used = middle(time for _, time in measured["times"])
        print(
            f"{seconds:>5} s of audio: {wall:7.2f} s, {wall / float(seconds):.5f} (processor "
            f"{used / float(seconds):.5f}) a second, peak {measured['peak'] / 1e6:.0f} MB"
        )
    if "memory" in found:
        resident = [f"{value / 1e6:.0f}" for value in found["memory"]["resident"]]
        print(f"\nresident memory in MB, every {found['memory']['every']} files: {' '.join(resident)}")


def plot(lengths: dict[str, Any], path: Path) -> None:
    """Time of a second of audio and peak memory, by the length of the file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "attest"  # the same file every time
    from matplotlib import pyplot

    seconds = [int(length) for length in lengths]
    used = [
        1e3 * statistics.median(time for _, time in found["times"]) / length
        for length, found in zip(seconds, lengths.values(), strict=True)
    ]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6))
    left.semilogx(seconds, used, "o-")
    left.set_ylabel("ms of a core a second of audio")
    right.semilogx(seconds, [found["peak"] / 1e6 for found in lengths.values()], "o-", label="with the file")
    right.semilogx(
        seconds, [found["peak_before"] / 1e6 for found in lengths.values()], "s--", label="before it"
    )
    right.set_ylabel("peak memory, MB")
    right.legend(frameon=False, loc="lower right")
    for axes in (left, right):
        axes.set_xlabel("length of the file, s")
        axes.set_xticks(seconds, [f"{length:,}" for length in seconds])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.suptitle("Transcribing one file of 10 s to 2 h on one core")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def _report_warm(found: dict[str, Any]) -> None:
    rates = found["rates"]
    print(f"matrix products on one core: mm {rates['mm']:.0f}, oneDNN {rates['oneDNN']:.0f} GFLOP/s")
    for cores, measured in found["warm"].items():
        operations = 2e-9 * sum(measured["multiply_adds"].values()) * measured["audio"]
        for name, times in measured["times"].items():
            if not times:
                continue
            wall = statistics.median(time for time, _ in times)
            used = statistics.median(time for _, time in times)
            share = operations / used / max(rates.values())
            print(
                f"warm, {cores} core(s), {name}: {wall:.2f} s, real-time factor {wall / measured['audio']:.5f}; "
                f"processor {used:.2f} s ({used / measured['audio']:.5f}), {share:.0%} of the matrix product's rate"
            )
    print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="a run or a bundle")
    parser.add_argument("--audio", type=Path, required=True, help="a folder of sound files")
    parser.add_argument("--rounds", type=int, default=5, help="(5)")
    parser.add_argument("--count", type=int, default=5000, help="files for the memory (5000)")
    parts = ["start", "warm", "cold", "sphinx", "lengths", "memory"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts, help="(all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times there as well")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the lengths (matplotlib)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
