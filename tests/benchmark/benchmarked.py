"""A tiny corpus, systems made of shell commands, and a benchmark's file with both."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import miniature

from asr.benchmark.record import BenchmarkRecord
from asr.benchmark.run import Options, run_benchmark
from asr.manifest import write_manifest

TEXTS = ("GO", "NO SEE", "SEE YES ONE", "YES", "ONE YES", "NO NO")
RULES = {"name": "tiny", "text": "plain-1", "bootstrap": 100}
# Answers by the size of the file, which tells these utterances apart.
HEARS = """
echo "$1" >> calls
case $(stat -c %s "$1") in
{cases}
esac
"""


def write_script(folder: Path, name: str, answers: dict[int, str], before: str = "") -> str:
    """A script that says something for each file by its bytes. Returns the command."""
    cases = "\n".join(f"{size}) {words};;" for size, words in answers.items())
    (folder / f"{name}.sh").write_text(before + HEARS.format(cases=cases), encoding="utf-8")
    return f"sh {name}.sh {{audio}}"


def write_corpus(folder: Path, texts: Sequence[str] = TEXTS) -> dict[int, str]:
    """tiny.jsonl in the folder. Returns each text by the bytes of its WAV file as the systems get it."""
    utterances = miniature.write_utterances(folder / "wav", texts)
    write_manifest(folder / "tiny.jsonl", utterances)
    sizes = [44 + 2 * round(each.duration * miniature.RATE) for each in utterances]
    assert len(set(sizes)) == len(texts)
    return dict(zip(sizes, texts, strict=True))


def write_spec(folder: Path, systems: Sequence[dict[str, object]], **rules: object) -> Path:
    """A benchmark of commands on the tiny corpus."""
    import tomli_w

    tree = {
        **RULES,
        **rules,
        "corpora": [{"name": "tiny", "manifest": "tiny.jsonl"}],
        "systems": [{"kind": "command", **system} for system in systems],
    }
    path = folder / "spec.toml"
    path.write_text(tomli_w.dumps(tree), encoding="utf-8")
    return path


def run(folder: Path, spec: Path, **more: Any) -> BenchmarkRecord:
    """With a cache and an outcome in the folder."""
    return run_benchmark(spec, Options(cache=folder / "cache", out=folder / "out", **more))[0]


def calls(folder: Path) -> int:
    """How often a script was started."""
    path = folder / "calls"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0


def wait_for(condition: Callable[[], bool], seconds: float = 100.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Also what has ended and was not waited for is not."""
    try:
        os.kill(process, 0)
        return ") Z " not in Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (ProcessLookupError, FileNotFoundError):
        return False
