"""A benchmark from its file to its folder: corpora are prepared, every system hears, numbers and pages are written."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from asr.benchmark.errors import BenchmarkError
from asr.benchmark.figures import check_reference
from asr.benchmark.hearing import HeardAll, hear_all
from asr.benchmark.material import Material, Spoken, material_of
from asr.benchmark.page import page
from asr.benchmark.record import (
    RECORD,
    BenchmarkRecord,
    CorpusHeard,
    SystemUsed,
    read_record,
    read_tree,
    write_record,
    write_unfinished,
)
from asr.benchmark.results import Answers, evaluate, loading_and_memory
from asr.benchmark.spec import Benchmark, file_name, load_benchmark
from asr.benchmark.table import markdown
from asr.benchmark.transcripts import Reference, write_lines
from asr.files import sha256_file, write_text
from asr.runs.environment import read_code, read_environment
from asr.runs.seal import canonical_digest
from asr.text import normalise

TABLE, PAGE = "table.md", "page.html"
FOLDERS = ("references", "answers")
Told = Callable[[str, int, int, Spoken, str], None]  # (system, done, total, utterance, its text or "")
Stage = Callable[[str, int, int], None]  # (what, done, total)


@dataclass(frozen=True)
class Options:
    """How a benchmark is run; none of it is in its file."""

    cache: Path
    out: Path | None = None  # folder of the outcome; None: runs/benchmark-NAME
    places: Mapping[str, Path] = field(default_factory=dict)  # archives or folders by name of the corpus
    fresh: bool = False  # hear again what was heard before
    check: bool = True  # corpora are those of their lock files
    workers: int = 2  # threads that decode audio
    command: str = ""  # for the record
    stage: Stage = lambda what, done, total: None
    told: Told = lambda system, done, total, spoken, text: None


def run_benchmark(path: Path, options: Options) -> tuple[BenchmarkRecord, Path]:
    """The outcome and its folder. What was heard before is taken from the cache.

    Raises:
        BenchmarkError: the file or the folder is wrong.
        CorpusError, ManifestError, AudioError: a corpus is.
    """
    started = _now()
    benchmark = load_benchmark(path)
    out = options.out or Path("runs") / f"benchmark-{benchmark.name}"
    _check_target(out, benchmark)
    folder = path.absolute().parent
    materials = material_of(
        benchmark,
        folder,
        options.cache,
        places=options.places,
        check=options.check,
        workers=options.workers,
        progress=options.stage,
    )
    references = {material.spec.name: _references(material, benchmark) for material in materials}
    spoken = [each for material in materials for each in material.spoken]
    heard = [
        hear_all(
            spec,
            benchmark,
            spoken,
            folder,
            options.cache,
            fresh=options.fresh,
            told=partial(options.told, spec.name),
        )
        for spec in benchmark.systems
    ]
    with _alone(out):
        record = _written(out, benchmark, materials, references, heard, options.command, started)
    return record, out


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Holds the folder while it is written, for one process after another."""
    out.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _check_target(out: Path, benchmark: Benchmark) -> None:
    """Before hours are spent on what cannot be written."""
    if not out.exists():
        return
    if not out.is_dir():
        raise BenchmarkError(f"{out}: not a folder; choose another --out")
    if not (out / RECORD).is_file():
        if any(out.iterdir()):
            raise BenchmarkError(f"{out}: holds something that is no benchmark; choose another --out")
        return
    name = read_tree(out).get("benchmark", {}).get("name")
    if name != benchmark.name:
        raise BenchmarkError(
            f"{out}: holds the benchmark {name!r}, not {benchmark.name!r}; choose another --out"
        )


def _references(material: Material, benchmark: Benchmark) -> list[Reference]:
    """
    Raises:
        BenchmarkError: nothing is said in it.
        CorpusError: figures are to be read out, and a text has some.
    """
    name = material.spec.name
    for each in material.spoken:
        check_reference(
            normalise(each.text, benchmark.text), benchmark.figures, f"{name}: utterance {each.id}"
        )
    if not any(normalise(each.text, benchmark.text) for each in material.spoken):
        raise BenchmarkError(
            f"{name}: none of its {len(material.spoken)} utterances has a text to score against"
        )
    return [
        Reference(each.id, each.speaker, round(each.seconds, 6), each.sample_rate, each.audio, each.text)
        for each in material.spoken
    ]


def _written(
    out: Path,
    benchmark: Benchmark,
    materials: Sequence[Material],
    references: Mapping[str, Sequence[Reference]],
    heard: Sequence[HeardAll],
    command: str,
    started: str,
) -> BenchmarkRecord:
    """The folder: references and answers, the pages, the record last."""
    _begin_writing(out, benchmark.name)
    corpora = [_corpus(out, material, references[material.spec.name]) for material in materials]
    answers = {
        (system.spec.name, corpus): _answers(out, system, corpus, said)
        for system in heard
        if not system.error
        for corpus, said in references.items()
    }
    cells, pairs = evaluate(benchmark, references, answers)
    tree = benchmark.model_dump(mode="json")
    record = BenchmarkRecord(
        command=command,
        started=started,
        finished=_now(),
        environment=read_environment(),
        code=read_code(),
        benchmark=tree,
        benchmark_digest=canonical_digest(tree),
        corpora=corpora,
        systems=[_system(each, answers) for each in heard],
        cells=cells,
        pairs=pairs,
        files={},
        seal={},
    )
    write_text(out / TABLE, markdown(record))
    write_text(out / PAGE, page(record, references, {key: each.lines for key, each in answers.items()}))
    files = {name: sha256_file(out / name) for name in (TABLE, PAGE)}
    write_record(out, record.model_copy(update={"files": files}))
    return read_record(out)


def _begin_writing(out: Path, name: str) -> None:
    """What was there before goes; whoever is killed from here on leaves a folder that says so."""
    write_unfinished(out, name)
    for folder in FOLDERS:
        if (out / folder).is_dir():
            shutil.rmtree(out / folder)


def _corpus(out: Path, material: Material, references: Sequence[Reference]) -> CorpusHeard:
    spec = material.spec
    file = f"references/{file_name(spec.name)}.jsonl"
    return CorpusHeard(
        name=spec.name,
        source=material.source,
        part="" if spec.manifest else spec.part,
        lock=material.lock,
        identity=material.identity,
        audio=material.audio,
        utterances=len(references),
        seconds=round(sum(each.seconds for each in references), 3),
        sample_rates=sorted({each.sample_rate for each in references}),
        speakers=len({each.speaker for each in references} - {""}),
        file=file,
        sha256=write_lines(out / file, references),
    )


def _answers(out: Path, system: HeardAll, corpus: str, references: Sequence[Reference]) -> Answers:
    lines = [replace(system.answers[each.audio], id=each.id) for each in references]
    file = f"answers/{file_name(system.spec.name)}/{file_name(corpus)}.jsonl"
    return Answers(lines, file, write_lines(out / file, lines))


def _system(heard: HeardAll, answers: Mapping[tuple[str, str], Answers]) -> SystemUsed:
    name = heard.spec.name
    lines = [line for (system, _), each in answers.items() if system == name for line in each.lines]
    loading, memory, starts = loading_and_memory(lines)
    return SystemUsed(
        name=name,
        kind=str(heard.spec.model_dump()["kind"]),
        identity=heard.identity,
        digest=heard.digest,
        size=heard.size,
        loading=loading,
        memory=memory,
        starts=starts,
        error=heard.error,
    )
