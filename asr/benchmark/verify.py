"""Does a benchmark hold: every number of its record and its table is computed again from references and answers."""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from asr.benchmark.errors import BenchmarkError
from asr.benchmark.page import page
from asr.benchmark.record import RECORD, BenchmarkRecord, Cell, PairTested, read_record, read_tree
from asr.benchmark.results import Answers, evaluate, loading_and_memory
from asr.benchmark.run import FOLDERS, PAGE, TABLE
from asr.benchmark.spec import Benchmark, benchmark_of
from asr.benchmark.table import markdown
from asr.benchmark.transcripts import Answered, Reference, read_lines, same_utterances
from asr.claims.findings import (
    NOTHING,
    Finding,
    NotChecked,
    Report,
    contradiction,
    differences,
    made_check,
    of_seal,
    shown,
)
from asr.files import sha256_file
from asr.identity import identity
from asr.runs.environment import code_digest
from asr.runs.seal import canonical_digest

T = TypeVar("T")
CLOSE = 1e-9  # relative: another numpy may add in another order


def verify_benchmark(folder: Path) -> Report:
    """Every check; nothing is written, nothing is heard again.

    Raises:
        BenchmarkError: there is no record of a benchmark, or it was not written to its end.
    """
    evidence = _Evidence(folder)
    if evidence.tree.get("status") == "unfinished":
        read_record(folder)  # says so
    checks = [made_check(name, about, check(evidence)) for name, about, check in CHECKS]
    return Report(folder, int(evidence.tree["format"]), "benchmark", tuple(checks))


class _Evidence:
    """What lies in the folder, read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = read_tree(folder)

    @cached_property
    def record(self) -> BenchmarkRecord:
        return self._or_not_checked(lambda: read_record(self.folder))

    @cached_property
    def benchmark(self) -> Benchmark:
        return self._or_not_checked(lambda: benchmark_of(self.record.benchmark, RECORD))

    @cached_property
    def references(self) -> dict[str, list[Reference]]:
        return self._or_not_checked(
            lambda: {
                corpus.name: read_lines(self.inside(corpus.file), Reference) for corpus in self.record.corpora
            }
        )

    @cached_property
    def answers(self) -> dict[tuple[str, str], Answers]:
        return self._or_not_checked(self._read_answers)

    def _read_answers(self) -> dict[tuple[str, str], Answers]:
        found = {}
        for cell in self.record.cells:
            lines = read_lines(self.inside(cell.file), Answered)
            if cell.corpus not in self.references:
                raise BenchmarkError(f"cell of {cell.system}: no corpus {cell.corpus!r} in the record")
            same_utterances(self.references[cell.corpus], lines, cell.file)
            found[cell.system, cell.corpus] = Answers(lines, cell.file, cell.sha256)
        return found

    @cached_property
    def computed(self) -> tuple[list[Cell], list[PairTested]]:
        return evaluate(self.benchmark, self.references, self.answers)

    def inside(self, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise BenchmarkError(f"{name}: leads out of the folder")
        return path

    def _or_not_checked(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except BenchmarkError as error:
            raise NotChecked(str(error)) from None


Checker = Callable[[_Evidence], Iterator[Finding]]


def _keys(evidence: _Evidence) -> Iterator[Finding]:
    try:
        read_record(evidence.folder)
    except BenchmarkError as error:
        yield Finding("invalid", RECORD, shown(None), "", str(error))


def _seal(evidence: _Evidence) -> Iterator[Finding]:
    return of_seal(evidence.tree)


def _digest(evidence: _Evidence) -> Iterator[Finding]:
    record = evidence.record
    expected = canonical_digest(record.benchmark)
    if record.benchmark_digest != expected:
        yield contradiction("benchmark_digest", record.benchmark_digest, expected, "the benchmark has")
    kept = evidence.benchmark.model_dump(mode="json")
    for key, ours, theirs in differences(record.benchmark, kept, "benchmark"):
        if ours is not NOTHING:  # a key that came later has its default
            yield contradiction(key, ours, theirs, "a file that says so is read as")


def _files(evidence: _Evidence) -> Iterator[Finding]:
    record = evidence.record
    listed = {corpus.file: corpus.sha256 for corpus in record.corpora}
    listed |= {cell.file: cell.sha256 for cell in record.cells} | record.files
    wrong = [finding for name, digest in sorted(listed.items()) for finding in _file(evidence, name, digest)]
    yield from wrong
    for folder in FOLDERS:
        for path in sorted((evidence.folder / folder).rglob("*")):
            name = path.relative_to(evidence.folder).as_posix()
            if name not in listed and not path.is_dir():
                yield Finding("unlisted", name, shown(name), "nothing", "is in no place of the record")
    if not wrong:
        try:
            _ = evidence.references, evidence.answers
        except NotChecked as reason:  # then no number can be checked, and that must not pass
            yield Finding("invalid", "answers", shown(None), "", str(reason))


def _file(evidence: _Evidence, name: str, digest: str) -> Iterator[Finding]:
    try:
        path = evidence.inside(name)
    except BenchmarkError as error:
        yield Finding("unsafe-name", name, shown(name), "", str(error))
        return
    if not path.is_file():
        yield Finding("missing", name, "nothing", shown(digest), "is not there")
    elif (found := sha256_file(path)) != digest:
        yield Finding("altered", name, shown(found), shown(digest), "is not the file of the record")


def _corpora(evidence: _Evidence) -> Iterator[Finding]:
    for number, corpus in enumerate(evidence.record.corpora):
        said = evidence.references[corpus.name]
        expected = {
            "audio": identity(each.audio for each in said),
            "utterances": len(said),
            "seconds": round(sum(each.seconds for each in said), 3),
            "sample_rates": sorted({each.sample_rate for each in said}),
            "speakers": len({each.speaker for each in said} - {""}),
        }
        for key, value in expected.items():
            if (found := getattr(corpus, key)) != value:
                yield contradiction(f"corpora.{number}.{key}", found, value, f"{corpus.file} says")
    names = [corpus.name for corpus in evidence.benchmark.corpora]
    if names != [corpus.name for corpus in evidence.record.corpora]:
        yield contradiction(
            "corpora", [c.name for c in evidence.record.corpora], names, "the benchmark names"
        )


def _systems(evidence: _Evidence) -> Iterator[Finding]:
    """Each is there, with a result for every corpus or a reason for none; loading and memory are the answers'."""
    record, corpora = evidence.record, list(evidence.references)
    names = [system.name for system in evidence.benchmark.systems]
    if names != [system.name for system in record.systems]:
        yield contradiction("systems", [s.name for s in record.systems], names, "the benchmark names")
    for number, system in enumerate(record.systems):
        cells = [cell.corpus for cell in record.cells if cell.system == system.name]
        wanted = [] if system.error else corpora
        if sorted(cells) != sorted(wanted):
            yield contradiction(f"cells of {system.name}", sorted(cells), sorted(wanted), "there should be")
            continue
        lines = [line for corpus in wanted for line in evidence.answers[system.name, corpus].lines]
        expected = dict(zip(("loading", "memory", "starts"), loading_and_memory(lines), strict=True))
        for key, value in expected.items():
            if (found := getattr(system, key)) != value:
                yield contradiction(f"systems.{number}.{key}", found, value, "the answers say")


def _numbers(evidence: _Evidence) -> Iterator[Finding]:
    cells, _ = evidence.computed
    yield from _apart("cells", evidence.tree["cells"], [cell.model_dump(mode="json") for cell in cells])


def _pairs(evidence: _Evidence) -> Iterator[Finding]:
    _, pairs = evidence.computed
    yield from _apart("pairs", evidence.tree["pairs"], [pair.model_dump(mode="json") for pair in pairs])


def _apart(key: str, found: Any, expected: Any) -> Iterator[Finding]:
    for place, ours, theirs in differences(found, expected, key):
        if not _close(ours, theirs):
            yield contradiction(place, ours, theirs, "computed from the answers")


def _close(one: Any, other: Any) -> bool:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
    return bool(numbers and abs(one - other) <= CLOSE * max(abs(one), abs(other)))


def _table(evidence: _Evidence) -> Iterator[Finding]:
    yield from _same_text(evidence, TABLE, markdown(evidence.record))


def _page(evidence: _Evidence) -> Iterator[Finding]:
    answers = {key: each.lines for key, each in evidence.answers.items()}
    yield from _same_text(evidence, PAGE, page(evidence.record, evidence.references, answers))


def _same_text(evidence: _Evidence, name: str, expected: str) -> Iterator[Finding]:
    """A page of another version of Attest looks different; its digest is the record's, so that is a remark."""
    try:
        found = (evidence.folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotChecked(f"{name}: {error}") from None
    if found == expected:
        return
    other = evidence.record.code.digest != code_digest()
    lines = zip(found.splitlines(), expected.splitlines(), strict=False)
    line = next((number for number, (one, two) in enumerate(lines, 1) if one != two), 0)
    message = f"line {line} is not what the record gives" + (", written by another version of Attest" * other)
    yield Finding("other-version" if other else "inconsistent", name, shown(line), "", message, remark=other)


CHECKS: tuple[tuple[str, str, Checker], ...] = (
    ("keys", "every key is there, with a possible value", _keys),
    ("seal", "each part of the record has its digest", _seal),
    ("benchmark", "it has its digest, and is a possible one", _digest),
    ("files", "each has its SHA-256, none is missing or new", _files),
    ("corpora", "they are what the references say", _corpora),
    ("systems", "each has a result for each corpus, or a reason", _systems),
    ("numbers", "counted again, the answers give the results and ranks", _numbers),
    ("pairs", "tested again, the same differences are real", _pairs),
    ("table", "table.md is that of the record", _table),
    ("page", "page.html is that of the record", _page),
)
