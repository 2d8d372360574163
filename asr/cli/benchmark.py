"""`asr benchmark`: recognisers side by side, on the same audio, by the same text rules, and which differences are real.

    asr benchmark recipes/benchmarks/an4-fsdd.toml --corpus an4=an4_sphere.tar.gz

writes a folder: record.json, table.md, page.html, and every answer beside its reference. What was heard is kept in
the cache, so the same command goes on where it was stopped; a system that has changed hears again. The exit status is
1 where a system could not be started, or had no answer for an utterance. `asr verify FOLDER` computes every number of
such a folder again.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.arguments import add_cache, add_workers, workers_of
from asr.cli.rate import RateLine, shown_rate

if TYPE_CHECKING:
    from asr.benchmark.material import Spoken
    from asr.benchmark.record import BenchmarkRecord
    from asr.benchmark.spec import Benchmark

NAME = "benchmark"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", type=Path, metavar="SPEC", help="a benchmark's TOML file")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where it is written (runs/benchmark-NAME)"
    )
    parser.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="archive, folder or manifest of one of its corpora; may be given again",
    )
    parser.add_argument("--fresh", action="store_true", help="hear again what was heard before")
    parser.add_argument(
        "--any-corpus",
        action="store_true",
        help="accept a corpus whose identity is not that of the lock file",
    )
    parser.add_argument("--json", action="store_true", help="print the record, for programs")
    add_workers(parser)
    add_cache(parser)


def call(options: argparse.Namespace) -> int:
    from asr.benchmark.run import Options, run_benchmark
    from asr.benchmark.spec import load_benchmark

    benchmark = load_benchmark(options.spec)
    with shown_rate() as line, _told_when_stopped():
        record, out = run_benchmark(
            options.spec,
            Options(
                cache=options.cache.expanduser(),
                out=options.out,
                places=_places(options.corpus),
                fresh=options.fresh,
                check=not options.any_corpus,
                workers=workers_of(options),
                command=_command(options),
                stage=line,
                told=_Heard(benchmark, line),
            ),
        )
    if options.json:
        print(record.model_dump_json(indent=2))
    else:
        _print(record, out)
    return 1 if any(system.error for system in record.systems) or any(c.failed for c in record.cells) else 0


@contextmanager
def _told_when_stopped() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print("\nasr: what was heard is kept; the same command goes on from here", file=sys.stderr)
        raise


def _places(given: Sequence[str]) -> dict[str, Path]:
    from asr.benchmark.errors import BenchmarkError

    found = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not (name and equals and path):
            raise BenchmarkError(f"--corpus {each}: expected NAME=PATH, for example an4=an4_sphere.tar.gz")
        found[name] = Path(path).expanduser()
    return found


def _command(options: argparse.Namespace) -> str:
    """That gives this outcome; files without their folders."""
    words = ["asr", NAME, options.spec.name]
    for each in options.corpus:
        name, _, path = each.partition("=")
        words += ["--corpus", f"{name}={Path(path).name}"]
    return shlex.join([*words, *["--any-corpus"] * options.any_corpus])


class _Heard:
    """Adds the error rate so far to the line of what is under way."""

    def __init__(self, benchmark: "Benchmark", line: RateLine) -> None:
        self.benchmark, self.line = benchmark, line
        self._system = ""
        self._errors = self._units = 0

    def __call__(self, system: str, done: int, total: int, spoken: "Spoken", text: str) -> None:
        from asr.benchmark.figures import read_out
        from asr.scoring import count_errors
        from asr.text import normalise

        rules = self.benchmark
        if system != self._system:
            self._system, self._errors, self._units = system, 0, 0
        reference, heard = normalise(spoken.text, rules.text), normalise(text, rules.text)
        counts = count_errors(reference, read_out(reference, heard, rules.figures), rules.unit)
        self._errors += counts.errors
        self._units += counts.reference_length
        name = "WER" if rules.unit == "word" else "errors"
        rate = f", {name} {self._errors / self._units:.1%}" if self._units else ""
        self.line(system, done, total, rate)


def _print(record: "BenchmarkRecord", out: Path) -> None:
    from rich.text import Text

    from asr.benchmark.spec import benchmark_of
    from asr.benchmark.table import LEGEND, NAMES, headings, notes, rows, rules, title
    from asr.cli.tables import figures, wide_console
    from asr.cli.visible import visible

    console = wide_console()
    names = headings(benchmark_of(record.benchmark, "record"))
    for corpus in record.corpora:
        table = figures(title(corpus), names, set(NAMES))
        for row in rows(record, corpus.name):
            table.add_row(*map(Text, row))
        console.print(table)
    console.print(f"{rules(record)}.", soft_wrap=True)
    console.print(LEGEND, soft_wrap=True)
    for each in notes(record):
        console.print(f"- {visible(each)}", soft_wrap=True)
    console.print(f"{out}: record.json, table.md, page.html and every answer", soft_wrap=True)
