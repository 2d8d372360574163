"""A run for people: what `asr run` ends with and `asr show` prints."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asr.cli.search import lines_of
from asr.runs.folder import RECORD
from asr.runs.numerics_used import NumericsUsed
from asr.runs.record import CorpusUsed, Record, Result


def print_summary(folder: Path, record: Record) -> None:
    """Corpus, results and where the files are. Made for a terminal and for `grep WER` alike."""
    console = Console(highlight=False, markup=False)
    if record.corpus:
        console.print(_corpus_table(record.corpus))
    if record.model and record.times:
        console.print(
            f"{record.model.parameters:,} parameters, {record.model.steps:,} steps, "
            f"{record.recipe.train.chosen_epoch} of {len(record.epochs)} epochs: {record.model.best_epoch}; "
            f"training {_minutes(record.times.training)}, "
            f"decoding at real-time factor {record.times.real_time_factor:.4f}",
            soft_wrap=True,
        )
    synthetic = " (synthetic speech)" if record.corpus and record.corpus.synthetic else ""
    for part, result in record.results.items():
        console.print(f"{record.recipe.name}{synthetic} {part}: {_sentence(result)}", soft_wrap=True)
        if record.search and part in record.search.results:
            found = _sentence(record.search.results[part])
            console.print(f"{record.recipe.name}{synthetic} {part} + search: {found}", soft_wrap=True)
    if record.status != "complete":
        console.print(
            f"this run is {record.status}; the command that began it goes on with it", soft_wrap=True
        )
    console.print(f"record: {folder / RECORD if folder.is_dir() else folder}", soft_wrap=True)


def _sentence(result: Result) -> str:
    words, low, high = result.words, *result.wer_interval_95
    of_words = result.unit == "word"
    return (
        f"{'WER' if of_words else 'CER'} {result.wer:.2%} (95 % interval {low:.2%} to {high:.2%}; "
        f"{words.substitutions} substitutions, {words.deletions} deletions, {words.insertions} insertions in "
        f"{words.reference_length} {result.unit}s), "
        + f"CER {result.cer:.2%}, " * of_words
        + f"sentences wrong {result.wrong_sentences} of {result.sentences}"
    )


def _corpus_table(corpus: CorpusUsed) -> Table:
    made = "synthetic" if corpus.synthetic else corpus.source
    title = Text(f"corpus {corpus.name} ({made}); lock file: {corpus.lock}")
    table = Table(title=title, title_justify="left")
    for heading, justify in (
        ("part", "left"),
        ("utterances", "right"),
        ("speech", "right"),
        ("speakers", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("identity")
    for name, part in corpus.splits.items():
        table.add_row(
            name, f"{part.utterances:,}", _minutes(part.seconds), str(part.speakers), part.digest[:16]
        )
    return table


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def print_details(folder: Path, record: Record) -> None:
    """Everything that a person asks of a run."""
    console = Console(highlight=False, markup=False)
    environment = record.environment
    lines = [
        f"{record.command}",
        f"seed {record.recipe.seed}, recipe {record.recipe_digest[:16]}, status {record.status}",
        f"{environment.processor}, {environment.cores} cores, {environment.memory / 2**30:.0f} GiB, "
        f"{environment.system}, Python {environment.python}",
        ", ".join(f"{name} {version}" for name, version in environment.packages.items()),
    ]
    if record.numerics:
        lines.append(_numerics_line(record.numerics))
    for session in record.sessions:
        code, changed = session.code, ", with changes" * bool(session.code.changed)
        memory = f", peak memory {session.peak_memory / 2**20:.0f} MiB" if session.peak_memory else ""
        lines.append(
            f"session {session.started} to {session.finished or 'its end unknown'}: {session.device}, "
            f"{session.workers} workers"
            + f" in each of {session.processes} processes" * (session.processes > 1)
            + f" on {len(session.machines)} machines" * (len(session.machines) > 1)
            + memory
        )
        lines.append(
            f"  code {code.version}, commit {code.commit[:12] or 'unknown'}{changed}, digest {code.digest[:16]}"
        )
        lines += [f"  not as before: {difference}" for difference in session.differs]
    lines += [f"file {name}: SHA-256 {digest[:16]}" for name, digest in record.named_files.items()]
    if record.model:
        lines.append(f"weights {record.model.weights_digest[:16]}")
    if record.search:
        lines += lines_of(record.search)
    for line in lines:
        console.print(line, soft_wrap=True)
    if record.corpus:
        for item in record.corpus.left_out:
            console.print(f"left out of training: {item.id}: {item.reason}", soft_wrap=True)
        for line in _shared_lines(record.corpus):
            console.print(line, soft_wrap=True)
    if record.epochs:
        console.print(_epoch_table(record))
    print_summary(folder, record)


def _numerics_line(used: NumericsUsed) -> str:
    return (
        f"determinism {used.determinism}: {used.threads} computing thread{'s' * (used.threads != 1)} a worker, torch's "
        f"kernels {used.aten}, oneDNN {used.onednn or 'unknown'}, MKL {used.mkl or 'unknown'}, gradients added as "
        f"{used.gradient_sum}"
    )


def _shared_lines(corpus: CorpusUsed) -> list[str]:
    """What the test part shares with the others; of speakers the names, of utterances how many."""
    shared, test = corpus.shared, corpus.splits["test"].utterances
    lines = []
    if shared.speakers:
        lines.append(f"speakers heard in training and in the test part: {', '.join(shared.speakers)}")
    for kind, ids in (("texts", shared.texts), ("audio", shared.audio)):
        if ids:
            lines.append(f"{kind} of {len(ids)} of {test} test utterances also outside the test part")
    if lines:
        lines.append(f"waived by the recipe: {', '.join(corpus.waived) or 'nothing'}")
    return lines


def _epoch_table(record: Record) -> Table:
    table = Table(title="epochs (* best so far)", title_justify="left")
    for title in ("epoch", "rate", "loss", "dev WER", "dev CER", "clipped", "seconds", ""):
        table.add_column(title, justify="right")
    for epoch in record.epochs:
        table.add_row(
            str(epoch.epoch),
            f"{epoch.learning_rate:.2e}",
            f"{epoch.train_loss:.4f}",
            f"{epoch.dev.wer:.2%}",
            f"{epoch.dev.cer:.2%}",
            f"{epoch.clipped:.0%}",
            f"{epoch.seconds:.1f}",
            "; ".join(["*"] * epoch.best + epoch.warnings),
        )
    return table
