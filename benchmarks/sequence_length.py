"""Memory and time of learning from one long recording: as a whole, and in windows.

    python benchmarks/sequence_length.py --seconds 30 120 480 --windows 0 16 --json sequence_length.json

Each case is a process of its own, with one computing thread: the network of an4.toml, noise, and a text of twelve
characters a second. What is printed is the highest resident memory of the process less what it had before, and the
time of a gradient (the second one; the first compiles kernels). A case that would need more than `--most` fails.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from asr import numerics
from asr.files import write_json
from asr.recipe_file import load_recipe
from asr.runs.environment import read_environment

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "an4.toml"
CHARACTERS = 12  # a second
TOKENS = 30


def main() -> None:
    options = _options()
    if options.case:
        print(json.dumps(measure(*map(float, options.case))))
        return
    rows = []
    print("| recording | heard | memory | a gradient | of real time |\n| --- | --- | --- | --- | --- |")
    for seconds in options.seconds:
        for window in options.windows:
            if window and window >= seconds:
                continue
            rows.append(_apart(seconds, window, options.most))
            _print(rows[-1])
    if options.json:
        write_json(
            options.json,
            {
                "benchmark": "sequence_length",
                "rows": rows,
                "environment": read_environment().model_dump(mode="json"),
            },
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[30, 120, 480], help="of the recording")
    parser.add_argument(
        "--windows", type=float, nargs="+", default=[0, 16], help="seconds of a window; 0: as a whole"
    )
    parser.add_argument("--most", type=float, default=16.0, help="GiB that a case may take")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _apart(seconds: float, window: float, most: float) -> dict[str, Any]:
    """In a process of its own, whose memory is its own."""
    limit = int(most * 2**30)
    done = subprocess.run(
        [sys.executable, __file__, "--case", str(seconds), str(window)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    # Nothing is said by a process that the system has killed for its memory.
    said = done.stderr.splitlines() or [f"exit status {done.returncode}"]
    found = json.loads(done.stdout) if done.returncode == 0 else {"failed": said[-1]}
    return {"seconds": seconds, "window": window, **found}


def measure(seconds: float, window: float) -> dict[str, float]:
    """Memory in bytes and seconds of a gradient."""
    numerics.pin()  # before torch loads
    import torch

    from asr.batching import Batch
    from asr.model.acoustic import new_model
    from asr.randomness import Draws
    from asr.training.micro_batch import gradients

    torch.set_num_threads(1)
    changes = [f"train.window_seconds={window}"]
    recipe = load_recipe(RECIPE, changes)
    model = new_model(recipe.front_end, recipe.model, TOKENS, seed=1).train()
    generator = torch.Generator().manual_seed(1)
    waveform = 0.1 * torch.randn(round(seconds * recipe.front_end.sample_rate), generator=generator)
    text = torch.randint(1, TOKENS, (round(seconds * CHARACTERS),), generator=generator)
    batch = Batch(
        ("long",), waveform[None], torch.tensor([len(waveform)]), text[None], torch.tensor([len(text)])
    )
    before = _resident()
    for _ in range(2):
        started = time.perf_counter()
        gradients(model, batch, Draws(1, 0, 0, 0, batch.ids), recipe, len(text))
        took = time.perf_counter() - started
    return {"memory": _resident() - before, "gradient_seconds": took}


def _resident() -> float:
    """Bytes, at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def _print(row: dict[str, Any]) -> None:
    heard = f"windows of {row['window']:g} s" if row["window"] else "as a whole"
    start = f"| {row['seconds']:g} s | {heard} |"
    if "failed" in row:
        print(f"{start} {row['failed'][:60]} | | |", flush=True)
        return
    took = row["gradient_seconds"]
    print(
        f"{start} {row['memory'] / 2**20:,.0f} MiB | {took:.1f} s | {took / row['seconds']:.3f} |", flush=True
    )


if __name__ == "__main__":
    main()
