"""Engines: torch, ONNX, ONNX in 8 bits and a browser on the same utterances: errors, speed on one core, memory, size.

    python benchmarks/engines.py --torch RUN --onnx RUN-onnx --int8 RUN-int8 --browser PAGE \
        --part dev=dev.jsonl --part test=test.jsonl --json engines.json

Each engine transcribes each part in a process of its own, bound to one core, utterance by utterance; they take turns.
`start` is from the start of a process to its first transcript; the other times are of processor time, which other work
on the machine changes little. The middle of the rounds counts. The paired test is that of `asr compare`.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from asr.files import sha256_file, write_json


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
        return
    options = _options()
    models = {"torch": options.torch, "onnx": options.onnx, "int8": options.int8}
    if options.browser:
        models["browser"] = options.browser
    found: dict[str, Any] = {
        "benchmark": "engines",
        "rounds": options.rounds,
        "models": {name: _model(model, name) for name, model in models.items()},
        "parts": {},
    }
    for name, _, manifest in (part.partition("=") for part in options.part):
        found["parts"][name] = part_of(models, Path(manifest), options.rounds)
    from asr.runs.environment import read_environment

    found["environment"] = read_environment().model_dump(mode="json")
    report(found)
    if options.json:
        write_json(options.json, found)


def part_of(models: dict[str, str], manifest: Path, rounds: int) -> dict[str, Any]:
    """All engines on one manifest, in turns."""
    runs: dict[str, list[Any]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            runs[name].append(_process(model, name, manifest))
    return {"manifest": sha256_file(manifest), **_scored(runs, manifest)}


def _process(model: str, name: str, manifest: Path) -> Any:
    """What one process says, and how long its first transcript took from its start."""
    if name == "browser":
        line = [str(Path(__file__).with_name("browser.py")), model, str(manifest), "--one"]
    else:
        line = [__file__, "--one", model, "torch" if name == "torch" else "onnx", str(manifest)]
    core = str(max(os.sched_getaffinity(0)))
    command = ["taskset", "-c", core, sys.executable, *line]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        start = time.perf_counter() - begin
        rest = process.stdout.readline()
    if process.returncode:
        raise SystemExit(f"{name} ended with status {process.returncode}")
    return {"start": start, **first, **json.loads(rest)}


def one(model: str, engine: str, manifest: str) -> None:
    """In a process of its own: the first utterance cold, then all of them."""
    from asr import Transcriber, numerics

    numerics.pin()
    from asr.manifest import read_manifest
    from asr.transcribe.reading import Piece

    utterances = list(read_manifest(Path(manifest)))
    transcriber = Transcriber(model, device="cpu", engine=engine)  # type: ignore[arg-type]
    rate = transcriber.sample_rate

    def transcribed(utterance: Any) -> tuple[str, float]:
        from asr.audio import read_audio

        samples = read_audio(
            utterance.audio_filepath,
            offset=utterance.offset,
            duration=utterance.duration,
            sample_rate=rate,
        ).samples
        recording = transcriber.recording()
        for piece, log_probs in transcriber.hear([Piece(0, samples, last=True)]):
            recording.add(piece, log_probs)
        return recording.finished().text, len(samples) / rate

    text, _ = transcribed(utterances[0])
    print(json.dumps({"first": text, "start_cpu": time.process_time()}), flush=True)
    small = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    found = [transcribed(utterance) for utterance in utterances]
    said = {
        "engine": transcriber.engine,
        "cpu": time.process_time() - began,
        "audio": sum(seconds for _, seconds in found),
        "memory_first": small * 1024,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "torch_loaded": sys.modules.get("torch") is not None,
        "texts": [text for text, _ in found],
    }
    print(json.dumps(said), flush=True)


def _scored(runs: dict[str, list[Any]], manifest: Path) -> dict[str, Any]:
    from asr.evaluation.hypotheses import beside_references
    from asr.evaluation.significance import Paired, matched_pairs
    from asr.manifest import read_manifest
    from asr.runs.outcomes import outcomes_of
    from asr.runs.record import Outcome

    utterances = list(read_manifest(manifest))
    counted: dict[str, dict[str, Outcome]] = {}
    found: dict[str, Any] = {}
    for name, rounds in runs.items():
        texts = rounds[0].pop("texts")
        if any(other.pop("texts") != texts for other in rounds[1:]):
            raise SystemExit(f"{name}: another transcript in another round")
        counted[name] = outcomes_of(beside_references(utterances, texts, "plain-1"))
        words = sum(each.words for each in counted[name].values())
        errors = sum(each.errors for each in counted[name].values())
        found[name] = {
            "errors": errors,
            "words": words,
            "wer": errors / words,
            "texts": texts,
            "rounds": rounds,
        }
    for name, each in found.items():
        texts = each.pop("texts")
        each["differing"] = sum(
            a != b for a, b in zip(texts, found["torch"].get("texts", texts), strict=True)
        )
        if name == "torch":
            each["texts"] = texts  # until the last has been compared
            continue
        test = matched_pairs(Paired.of(counted["torch"], counted[name]))
        each["against_torch"] = {
            "difference": test.difference, "interval_95": list(test.interval_95), "p": test.p
        }  # fmt: skip
    found["torch"].pop("texts")
    return {"utterances": len(utterances), "engines": found}


def _model(model: str, name: str) -> dict[str, Any]:
    from asr.model.contents import MODEL, WEIGHTS, needed_files
    from asr.model.exported import EXPORT, ONNX
    from asr.model.named import find_model

    if name == "browser":  # all that a visitor may load
        files = sorted(path for path in Path(model).rglob("*") if path.is_file())
        return {"bytes": sum(path.stat().st_size for path in files), "files": len(files)}
    folder = find_model(model)
    others = (EXPORT, ONNX) if name == "torch" else (WEIGHTS,)  # that another engine needs
    needed = [folder / each for each in needed_files(folder) if each not in others]
    return {
        "bytes": sum(path.stat().st_size for path in needed),
        "model.json": sha256_file(folder / MODEL),
    }


def report(found: dict[str, Any]) -> None:
    """Prints the table."""
    middle = statistics.median
    for name, part in found["parts"].items():
        print(f"{name}: {part['utterances']} utterances, {part['engines']['torch']['words']} words")
        print("| engine | WER | differing | p | RTF warm | start s | start CPU s | MB memory | MB disk |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for engine, each in part["engines"].items():
            rounds = each["rounds"]
            p = each.get("against_torch", {}).get("p")
            cells = (
                engine,
                f"{each['wer']:.2%} ({each['errors']})",
                each["differing"],
                "" if p is None else f"{p:.2g}",
                f"{middle(one['cpu'] / one['audio'] for one in rounds):.4f}",
                f"{middle(one['start'] for one in rounds):.2f}",
                f"{middle(one['start_cpu'] for one in rounds):.2f}",
                f"{max(one['memory'] for one in rounds) / 1e6:.0f}",
                f"{found['models'][engine]['bytes'] / 1e6:.1f}",
            )
            print("| " + " | ".join(map(str, cells)) + " |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("torch", "onnx", "int8"):
        parser.add_argument(f"--{name}", required=True, help="a run, a bundle or the name of a model")
    parser.add_argument("--browser", help="a folder of asr export --browser")
    parser.add_argument("--part", action="append", required=True, metavar="NAME=MANIFEST")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
