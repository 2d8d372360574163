"""The outcome as text: rows that the screen, the Markdown and the page share, and the Markdown itself."""

from collections.abc import Sequence

from asr.benchmark.record import BenchmarkRecord, Cell, CorpusHeard, PairTested, SystemUsed
from asr.benchmark.spec import Benchmark, benchmark_of

HEADINGS = (
    *("rank", "groups", "system", "WER", "95 %", "sub", "del", "ins", "CER", "failed"),
    *("RTF", "CPU", "median", "p99", "memory", "size"),
)
NAMES = ("groups", "system")  # columns of words
LEGEND = (
    "rank: one plus the number of systems that are better beyond doubt; systems that share a letter in groups cannot "
    "be told apart. RTF: seconds of hearing by seconds of audio, loading apart; CPU: likewise, of processor time, "
    "which other work on the machine hardly changes; median, p99: time of an utterance. failed: utterances without an "
    "answer, which count as empty ones. Memory: of the system's processes at the most."
)
LISTED = 5  # utterances that are named for a failure


def headings(benchmark: Benchmark) -> list[str]:
    """Of the table of a corpus; the rate is called by its unit."""
    rate = "WER" if benchmark.unit == "word" else "by character"
    return [rate if name == "WER" else name for name in HEADINGS]


def row(cell: Cell, system: SystemUsed) -> list[str]:
    """One for each heading."""
    words, speed = cell.score.words, cell.speed
    low, high = cell.score.wer_interval_95
    timed = [""] * 4
    if speed:
        cpu = "" if speed.cpu_factor is None else f"{speed.cpu_factor:.3f}"
        timed = [f"{speed.real_time_factor:.3f}", cpu, seconds(speed.median), seconds(speed.p99)]
    return [
        str(cell.rank),
        cell.letters,
        cell.system,
        f"{cell.score.wer:.1%}",
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{words.substitutions:,}",
        f"{words.deletions:,}",
        f"{words.insertions:,}",
        f"{cell.score.cer:.1%}",
        str(len(cell.failed)),
        *timed,
        megabytes(system.memory),
        megabytes(system.size),
    ]


def empty_row(system: SystemUsed) -> list[str]:
    """Of a system that could not be started."""
    return ["", "", system.name, "none", *[""] * (len(HEADINGS) - 4)]


def seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.2f} s"


def megabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:,.0f} MB"


def title(corpus: CorpusHeard) -> str:
    """What the table of a corpus is of."""
    part = f" {corpus.part}" if corpus.part else ""
    speakers = f", {corpus.speakers} speaker{'s' * (corpus.speakers != 1)}" if corpus.speakers else ""
    rates = " and ".join(f"{rate / 1000:g}" for rate in corpus.sample_rates)
    length = f"{corpus.utterances:,} utterances, {corpus.seconds / 60:.1f} min"
    return f"{corpus.name}{part}: {length}, {rates} kHz{speakers}"


def rules(record: BenchmarkRecord) -> str:
    """How it was done, the same for all."""
    benchmark = benchmark_of(record.benchmark, "record")
    figures = "" if benchmark.figures == "as-written" else f", figures read out by {benchmark.figures}"
    rate = f"{benchmark.sample_rate:,} Hz" if benchmark.sample_rate else "each recording's own rate"
    pairs = len(record.pairs)
    return (
        f"Mono 16-bit WAV at {rate}; texts normalised by {benchmark.text}{figures}; "
        f"{benchmark.cores} core{'s' * (benchmark.cores > 1)} of {record.environment.processor or 'this machine'}; "
        f"{pairs} paired test{'s' * (pairs != 1)} with Holm's correction at {benchmark.alpha:g}"
    )


def notes(record: BenchmarkRecord) -> list[str]:
    """What is to be known of systems and corpora: how they were used, what did not start, what had no answer."""
    benchmark = benchmark_of(record.benchmark, "record")
    found = [f"{each.name}: {each.note}" for each in (*benchmark.systems, *benchmark.corpora) if each.note]
    found += [f"{each.name}: NO RESULT: {each.error}" for each in record.systems if each.error]
    for cell in record.cells:
        if cell.failed:
            found.append(
                f"{cell.system} on {cell.corpus}: no answer for {len(cell.failed)} of {cell.score.sentences} "
                f"utterances: {'; '.join(_failures(cell))}"
            )
    return found


def _failures(cell: Cell) -> list[str]:
    """Each reason with the utterances that it is given for."""
    reasons: dict[str, list[str]] = {}
    for each in cell.failed:
        reasons.setdefault(each.reason, []).append(each.id)
    return [
        f"{reason} ({', '.join(ids[:LISTED])}{f' and {len(ids) - LISTED} more' if len(ids) > LISTED else ''})"
        for reason, ids in reasons.items()
    ]


def pair_row(pair: PairTested) -> list[str]:
    """Names, in words, difference, interval, p, corrected p."""
    low, high = pair.interval_95
    better = pair.first if pair.difference > 0 else pair.second
    return [
        f"{pair.second} - {pair.first}",
        f"{better} is better" if pair.different else "cannot be told apart",
        f"{100 * pair.difference:+.1f}",
        f"{100 * low:+.1f} to {100 * high:+.1f}",
        probability(pair.p),
        probability(pair.p_holm),
    ]


PAIR_HEADINGS = ("second - first", "", "points", "95 %", "p", "p (Holm)")


def probability(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def rows(record: BenchmarkRecord, corpus: str) -> list[list[str]]:
    """Of the table of a corpus, the best system first; those without a result last."""
    systems = {system.name: system for system in record.systems}
    found = [row(cell, systems[cell.system]) for cell in record.cells if cell.corpus == corpus]
    return found + [empty_row(system) for system in record.systems if system.error]


def markdown(record: BenchmarkRecord) -> str:
    """The whole outcome."""
    benchmark = benchmark_of(record.benchmark, "record")
    parts = [
        f"# Benchmark {benchmark.name}",
        *([benchmark.about] if benchmark.about else []),
        f"{rules(record)}.",
    ]
    for corpus in record.corpora:
        parts += [
            f"## {_escaped(title(corpus))}",
            _table(headings(benchmark), rows(record, corpus.name), NAMES),
        ]
    parts.append(LEGEND)
    if listed := notes(record):
        parts.append("\n".join(f"- {_escaped(each)}" for each in listed))
    if record.pairs:
        parts.append("## Pairs")
    for corpus in record.corpora:
        tested = [pair_row(pair) for pair in record.pairs if pair.corpus == corpus.name]
        if tested:
            parts += [f"### {_escaped(corpus.name)}", _table(PAIR_HEADINGS, tested, (PAIR_HEADINGS[0], ""))]
    return "\n\n".join(parts) + "\n"


def _table(names: Sequence[str], lines: Sequence[Sequence[str]], words: Sequence[str]) -> str:
    head = f"| {' | '.join(names)} |"
    sides = f"|{'|'.join(' --- ' if name in words else ' ---: ' for name in names)}|"
    body = [f"| {' | '.join(map(_escaped, line))} |" for line in lines]
    return "\n".join((head, sides, *body))


def _escaped(text: str) -> str:
    """On one line, and nothing in it is markup."""
    flat = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "|*_`<>[]\\" else sign for sign in flat)
