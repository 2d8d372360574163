"""Comparisons and verdicts for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asr.claims.compare import Comparison, Group, Tests
from asr.claims.given import Given
from asr.claims.reproduction import Reproduction
from asr.cli.tables import rate_of, wide_console
from asr.report.paired import paired_rows
from asr.runs.record import Record, Result

MOST = 10  # causes or utterances that are printed


def print_rates(runs: Sequence[Given]) -> None:
    """The test result of each run."""
    units = {result.unit for run in runs if (result := run.record.results.get("test"))} or {"word"}
    rate = " or ".join(rate_of(unit) for unit in sorted(units, reverse=True))
    counts = " or ".join(f"{unit}s" for unit in sorted(units, reverse=True))
    headings = (f"{rate} test", "95 % interval", f"errors / {counts}", "CER", "wrong sentences", "weights")
    table = _table("", *headings)
    for run in runs:
        result, model = run.record.results.get("test"), run.record.model
        if result is None:
            table.add_row(Text(str(run.path)), Text(run.record.status))
            continue
        table.add_row(Text(str(run.path)), *_rates(result), model.weights_digest[:12] if model else "")
        if run.record.search and "test" in run.record.search.results:
            table.add_row("  + search", *_rates(run.record.search.results["test"]), "")
    wide_console().print(table)


def _rates(result: Result) -> list[str]:
    errors = result.words.substitutions + result.words.deletions + result.words.insertions
    return [
        f"{result.wer:.2%}",
        "{:.2%} to {:.2%}".format(*result.wer_interval_95),
        f"{errors} / {result.words.reference_length}",
        f"{result.cer:.2%}",
        f"{result.wrong_sentences} of {result.sentences}",
    ]


def print_comparison(found: Comparison) -> None:
    """Tests, verdict, and what else is different."""
    console = wide_console()
    console.print(f"\n{found.second.path} beside {found.first.path}", soft_wrap=True)
    if found.tests:
        console.print(_tests_table(found.tests))
        if found.search_tests:
            console.print(_tests_table(found.search_tests, "search, "))
    elif found.no_tests:
        console.print(f"no paired tests: {found.no_tests}", soft_wrap=True)
    _print_verdict(console, found)


def print_groups(groups: Sequence[Group]) -> None:
    """Mean and spread over seeds, where there are several."""
    console = wide_console()
    for group, what in ((each, what) for whole in groups for each, what in _rows(whole)):
        rate = "WER" if group.unit == "word" else "CER"
        if len(group.seeds) > 1:
            console.print(
                f"{group.name} test{what}: mean {rate} {group.mean:.2%}, standard deviation {group.deviation:.2%} over "
                f"{len(group.seeds)} runs (seeds {', '.join(map(str, group.seeds))})"
                + ", not all by the same code"
                * (group.codes > 1),
                soft_wrap=True,
            )


def _rows(group: Group) -> list[tuple[Group, str]]:
    """Greedy decoding, and the search if there is one."""
    return [(group, ""), *([(group.of_search, " + search")] if group.of_search else [])]


def print_reproduction(found: Reproduction) -> None:
    """What was run again, the verdict last."""
    record, again = found.given.record, found.record
    console = wide_console()
    table = _table("", "record", "run again")
    for name, ours, theirs in _facts(record, again):
        table.add_row(name, Text(ours), Text(theirs), style=None if ours == theirs else "yellow")
    console.print(table)
    if found.changes:
        console.print(f"changed on purpose: {', '.join(found.changes)}", soft_wrap=True)
    was_there = "none, it is what an earlier command has left; --fresh computes it again"
    console.print(
        f"the new run: {found.folder}; steps computed now: {found.computed or was_there}", soft_wrap=True
    )
    _print_verdict(console, found)


def _facts(record: Record, again: Record) -> list[tuple[str, str, str]]:
    ours, theirs = _column(record), _column(again)
    return [(name, ours[name], theirs.get(name, "")) for name in ours]


def _column(record: Record) -> dict[str, str]:
    result, model = record.results.get("test"), record.model
    searched = record.search.results.get("test") if record.search else None
    parts = record.corpus.splits if record.corpus else {}
    return {
        "seed": str(record.recipe.seed),
        **{f"{name} part": part.digest[:16] for name, part in parts.items()},
        "steps": str(record.trail[-1].step if record.trail else sum(epoch.steps for epoch in record.epochs)),
        "weights": model.weights_digest[:16] if model else "",
        "test WER": f"{result.wer:.2%}" if result else "",
        **({"test WER + search": f"{searched.wer:.2%}"} if searched else {}),
        "torch": record.environment.packages.get("torch", ""),
        "code": record.sessions[-1].code.digest[:16],
    }


def _tests_table(tests: Tests, what: str = "") -> Table:
    table = _table(f"{what}test (difference: second minus first)", "difference", "95 % interval", "p")
    for row in paired_rows(tests):
        table.add_row(*row)
    return table


def _print_verdict(console: Console, found: Comparison | Reproduction) -> None:
    verdict, causes = found.verdict, found.causes
    for what, names in (
        ("test transcripts", found.other_transcripts),
        ("test transcripts of the search", found.other_search_transcripts),
    ):
        if names:
            console.print(
                f"{len(names)} {what} differ: {', '.join(names[:MOST])}"
                + f" and {len(names) - MOST} more" * (len(names) > MOST),
                soft_wrap=True,
            )
    if causes:
        console.print(
            "what is different, the most likely cause first:" if verdict.parting else "what is different:"
        )
        for cause in causes[:MOST]:
            console.print(
                f"  {'' if cause.likely or not verdict.parting else '(hardly) '}{cause}", soft_wrap=True
            )
        if len(causes) > MOST:
            console.print(f"  and {len(causes) - MOST} more (--json has all)")
    elif verdict.parting:
        console.print(
            "nothing that the records hold is different: the cause is something that they do not know",
            soft_wrap=True,
        )
    console.print(f"verdict: {verdict}", soft_wrap=True)


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
