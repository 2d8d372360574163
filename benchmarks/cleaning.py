"""What `asr check` finds of faults that were put there, what it accuses else, and how long it takes.

    python benchmarks/cleaning.py --manifest an4=an4/train.jsonl --manifest fsdd=fsdd/train.jsonl --model runs/an4-s1 \
        --judge an4/train.jsonl --judge an4/dev.jsonl --json cleaning.json

Of each manifest: findings as it is, with the time; then of `--copies` of its utterances a copy changed in each way, and
how many of them are found. The model is asked about the texts of `--judge`, a share of which is exchanged: neighbours
swapped, texts from far away, and runs of twenty that are off by one.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import soundfile
from planted import COPIES, Planter

from asr.audio import read_audio
from asr.cleaning.check import Part, check, read_part
from asr.cleaning.heard import Ear, Line, judge_texts
from asr.cleaning.known import Stretch
from asr.cleaning.sound import Measured, measure
from asr.files import write_json
from asr.manifest import write_manifest
from asr.numerics import available_cores
from asr.randomness import numpy_generator
from asr.text import normalise
from asr.utterance import Utterance

SHARES = (0.0, 0.02, 0.1, 0.3)
RUN = 20


def as_it_is(path: Path, folder: Path) -> dict[str, Any]:
    """Findings by kind, and seconds for the first and the second time."""
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        report = check([read_part(path)], known=folder / "known.sqlite", processes=available_cores())
        seconds.append(round(time.perf_counter() - begin, 1))
    named = [{"kind": one.kind, "id": one.id, "found": one.found} for one in report.findings]
    return {
        "utterances": len(report.parts[0].utterances),
        "hours": report.seconds / 3600,
        "seconds": seconds,
        "counts": report.counts,
        "findings": named,
    }


def with_copies(path: Path, folder: Path, count: int) -> dict[str, Any]:
    """Found copies of each way, and pairs that are accused though none is a copy."""
    part = read_part(path)
    order = numpy_generator(1, "copied").permutation(len(part.utterances)).tolist()
    chosen = [part.utterances[row] for row in order[:count]]
    more, truth = [], {}
    for number, (way, change) in enumerate(COPIES.items()):
        for one in chosen:
            audio = read_audio(one.audio_filepath)
            samples, rate = change(audio.samples.astype(np.float64), audio.sample_rate)
            name = f"copy-{number}-{one.id}"
            soundfile.write(folder / f"{name}.wav", samples, rate, subtype="PCM_16")
            more.append(
                replace(
                    one, id=name, audio_filepath=str(folder / f"{name}.wav"), duration=len(samples) / rate
                )
            )
            truth[name] = (way, one.id)
    write_manifest(folder / "copies.jsonl", [*part.utterances, *more])
    report = check(
        [read_part(folder / "copies.jsonl", "train")],
        known=folder / "known.sqlite",
        processes=available_cores(),
    )
    found: Counter[str] = Counter()
    wrong = set()
    hit = set()
    for one in report.findings:
        if one.kind in ("copy", "duplicate"):
            ids = {
                truth.get(name.removeprefix("train/"), ("", name.removeprefix("train/")))[1]
                for name in (one.id, *one.others)
            }
            if len(ids) > 1:
                wrong.add((one.id, *one.others))
            elif one.id in truth:
                hit.add(one.id)
    for name in hit:
        found[truth[name][0]] += 1
    return {"of_each": count, "found": {way: found[way] for way in COPIES}, "wrong": sorted(wrong)}


def exchanged(
    utterances: Sequence[Utterance], manner: str, share: float, seed: int
) -> tuple[list[Utterance], set[int]]:
    """The utterances with some texts that are not theirs, and where."""
    changed = list(utterances)
    draw = numpy_generator(seed, "exchanged", manner)
    size = len(changed)
    if manner == "shifted":
        starts = draw.permutation(np.arange(0, size - RUN - 1, RUN + 5))[: round(share * size / RUN)].tolist()
        pairs = [(row, row + 1) for start in starts for row in range(start, start + RUN)]
    elif manner == "swapped":
        rows = draw.permutation(np.arange(0, size - 1, 2))[: round(share * size / 2)].tolist()
        pairs = [pair for row in rows for pair in ((row, row + 1), (row + 1, row))]
    else:
        rows = draw.permutation(size)[: round(share * size)].tolist()
        pairs = [(row, (row + size // 2) % size) for row in rows]
    wrong = set()
    for row, other in pairs:
        changed[row] = replace(utterances[row], text=utterances[other].text)
        if normalise(utterances[row].text) != normalise(utterances[other].text):
            wrong.add(row)
    return changed, wrong


def judged(ear: Ear, part: Part) -> list[dict[str, Any]]:
    """Precision and recall of accused texts."""
    utterances = part.utterances
    stretches = [Stretch(one.audio_filepath, one.offset, one.duration) for one in utterances]
    sounds = [measure(*stretch) for stretch in stretches]
    rows = []
    for manner in ("swapped", "shifted", "far away"):
        for share in SHARES:
            if not share and rows:
                continue
            changed, wrong = exchanged(utterances, manner, share, 1)
            lines = [
                Line(part.name, row, one, stretch, sound.sound.digest)
                for row, (one, stretch, sound) in enumerate(zip(changed, stretches, sounds, strict=True))
                if isinstance(sound, Measured)
            ]
            verdict = judge_texts(ear, lines)
            accused = {one.row for one in verdict.findings}
            rows.append(
                {
                    "part": part.name,
                    "manner": manner if share else "none",
                    "share": share,
                    "wrong": len(wrong),
                    "accused": len(accused),
                    "right": len(accused & wrong),
                    "named": sum(one.kind == "shifted" for one in verdict.findings),
                    "notes": verdict.notes,
                    "falsely": [lines[row].utterance.id for row in sorted(accused - wrong)],
                    "missed": [lines[row].utterance.id for row in sorted(wrong - accused)],
                }
            )
            print(rows[-1] | {"notes": verdict.notes[-1]}, flush=True)
    return rows


def planted(train: Path, dev: Path, ear: Ear, folder: Path) -> dict[str, Any]:
    """All kinds of faults at once."""
    made = Planter(read_part(train).utterances, read_part(dev).utterances, folder / "audio")
    planted = made.all()
    report = check([read_part(path) for path in made.write(folder)], known=folder / "known.sqlite", ear=ear)
    found = {(one.kind, one.id) for one in report.findings}
    known = {name for _, _, name in planted.faults} | planted.others
    return {
        "faults": Counter(kind for kind, _, _ in planted.faults),
        "missed": [fault for fault in planted.faults if (fault[0], fault[2]) not in found],
        "others": [(one.kind, one.id, one.found) for one in report.findings if one.id not in known],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--manifest", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--copies", type=int, default=50)
    parser.add_argument("--model")
    parser.add_argument("--judge", action="append", default=[], type=Path)
    parser.add_argument("--planted", nargs=2, type=Path, metavar=("TRAIN", "DEV"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {"as_it_is": {}, "copies": {}, "texts": []}
    with tempfile.TemporaryDirectory() as base:
        for text in options.manifest:
            name, _, path = text.partition("=")
            folder = Path(base) / name
            folder.mkdir()
            results["as_it_is"][name] = as_it_is(Path(path), folder)
            print(
                name,
                {key: value for key, value in results["as_it_is"][name].items() if key != "findings"},
                flush=True,
            )
            results["copies"][name] = with_copies(Path(path), folder, options.copies)
            print(name, results["copies"][name], flush=True)
        if options.model:
            ear = Ear(options.model, Path(base) / "judged.sqlite", workers=available_cores())
            if options.planted:
                results["planted"] = planted(*options.planted, ear, Path(base) / "planted")
                print(results["planted"], flush=True)
            for path in options.judge:
                results["texts"] += judged(ear, read_part(path))
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
