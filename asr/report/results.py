"""Sections of a report: what came out, whether it holds, and how far seeds are apart."""

from collections.abc import Sequence

from asr.claims.compare import Comparison, compare, groups
from asr.errors import RunError
from asr.report.markup import Html, element, figure, folded, join, note, table
from asr.report.material import Run, without_places
from asr.report.paired import paired_rows
from asr.report.plot import Axis, Dot, interval_plot
from asr.runs.record import Result

_TONES = {"verified": "good", "failed": "bad", "incomplete": "warn"}
_VERDICTS = {
    "bit-identical": "good",
    "same transcripts": "good",
    "equivalent": "good",
    "different": "bad",
    "inconclusive": "warn",
    "not comparable": "warn",
}


def rates(result: Result) -> tuple[str, str, str, str, str]:
    """Rate, interval, errors of how many, CER and SER of a result, written."""
    words = result.words
    errors = words.substitutions + words.deletions + words.insertions
    return (
        f"{result.wer:.2%}",
        interval(result),
        f"{errors:,} / {words.reference_length:,}",
        f"{result.cer:.2%}",
        f"{result.ser:.2%}",
    )


def interval(result: Result) -> str:
    """The 95 % interval of its error rate, written."""
    return "{:.2%} to {:.2%}".format(*result.wer_interval_95)


def unit_rate(result: Result) -> str:
    """How its error rate is called: of words, or of characters where these are the unit."""
    return "WER" if result.unit == "word" else "CER"


def results(runs: Sequence[Run]) -> Html:
    """Every result of every run, the test part with its intervals drawn."""
    rows = [row for run in runs for row in _rows(run)]
    if not rows:
        return element("p", "No run is complete, so there is no result yet.")
    headings = ("run", "part", "decoding", "error rate", "95 % interval", "errors / units", "CER", "SER")
    shown = table("Every part, by every way of decoding", headings, rows, words=3, class_="results")
    dots = [(run.label, _dots(run)) for run in runs if _dots(run)]
    plot = interval_plot("Test error rates with their 95 % intervals", dots, Axis("error rate", percent=True))
    caption = "Test error rates and 95 % bootstrap intervals: filled with a search, hollow greedy."
    about = note(
        "WER: word errors by words of the references; CER: of characters; SER: sentences with an error. The interval "
        "is a bootstrap over utterances: it says how far the choice of these utterances matters, not that of the "
        "seed or the speakers."
    )
    return join([shown, about, figure(caption, plot) if dots else None, _seeds(runs)])


def _rows(run: Run) -> list[list[object]]:
    name = element("span", run.label, class_=f"run {run.tone}")
    if not run.record.results:
        return [[name, run.record.status, "", "", "", "", "", ""]]
    rows: list[list[object]] = []
    for part in sorted(run.record.results, reverse=True):
        rows += [[name, part, how, *rates(result)] for how, result in run.decoded(part)]
    return rows


def _dots(run: Run) -> list[Dot]:
    return [
        Dot(
            result.wer,
            *result.wer_interval_95,
            f"{run.tone}{' hollow' * (how == 'greedy')}",
            f"{run.label}, {how}",
        )
        for how, result in run.decoded("test")
    ]


def _seeds(runs: Sequence[Run]) -> Html | None:
    rows = []
    for group in groups([run.record for run in runs]):
        for each, how in ((group, "greedy"), (group.of_search, "beam search")):
            if each and len(each.seeds) > 1:
                seeds = ", ".join(map(str, each.seeds))
                single = ", ".join(f"{rate:.2%}" for rate in each.rates)
                code = "no" if each.codes > 1 else "yes"
                rows.append(
                    [each.name, how, seeds, single, f"{each.mean:.2%}", f"{each.deviation:.2%}", code]
                )
    if not rows:
        return None
    headings = ("recipe", "decoding", "seeds", "test error rates", "mean", "standard deviation", "same code")
    return join(
        [
            element("h3", "Over seeds"),
            table("Mean and spread of runs that differ in their seed alone", headings, rows, words=4),
        ]
    )


def verdicts(runs: Sequence[Run]) -> Html:
    """What `asr verify` says of each run."""
    return join(_verdict(run) for run in runs)


def badge(run: Run) -> Html:
    """The verdict of `asr verify` in a word."""
    verdict = run.verification.verdict
    words = {"verified": "verified", "failed": "NOT verified", "incomplete": "not complete"}[verdict]
    return element("span", words, class_=f"badge {_TONES[verdict]}")


def _verdict(run: Run) -> Html:
    checks = run.verification.checks
    made = [check for check in checks if check.outcome != "not checked"]
    wrong = [finding for finding in run.verification.findings if not finding.remark]
    said = (
        f"{len(made)} of {len(checks)} checks made"
        + f", {len(wrong)} finding{'s' * (len(wrong) > 1)}" * bool(wrong)
    )
    rows = [
        [check.name, element("span", check.outcome, class_=f"outcome {check.outcome.replace(' ', '-')}"),
         check.skipped or check.about]
        for check in checks
    ]  # fmt: skip
    findings = [
        element("li", element("code", without_places(finding.what)), ": ", without_places(finding.message))
        for finding in run.verification.findings[:20]
    ]
    return element(
        "div",
        element("p", badge(run), " ", element("b", run.label), " ", element("span", said, class_="quiet")),
        element("ul", *findings) if findings else None,
        *(note(f"Shown here with less than there could be: {each}.") for each in run.missing),
        folded("Every check", table(f"Checks of {run.label}", ("check", "outcome", "what must hold"), rows, words=3)),
        class_="verdict",
    )  # fmt: skip


def comparisons(runs: Sequence[Run]) -> Html:
    """Each run beside the first: the ladder's verdict, the tests that it rests on, what is different."""
    return join(_comparison(runs[0], run) for run in runs[1:])


def _comparison(first: Run, second: Run) -> Html:
    heading = element("h3", second.label, element("span", f" beside {first.label}", class_="quiet"))
    try:
        found = compare(first.given, second.given)
    except RunError as error:
        return join([heading, note(f"cannot be compared: {without_places(str(error))}")])
    verdict = element(
        "p",
        element("span", found.verdict.name, class_=f"badge {_VERDICTS[found.verdict.name]}"),
        " ",
        without_places(found.verdict.reason),
        ".",
    )
    tests = [
        table(
            f"{how}, test part: second minus first",
            ("test", "difference", "95 % interval", "p"),
            paired_rows(each),
        )
        for how, each in (("Greedy decoding", found.tests), ("Beam search", found.search_tests))
        if each
    ]
    more = [*tests, _causes(found)]
    if not found.tests:
        more.append(note(f"no paired tests: {found.no_tests}"))
    return join([heading, verdict, folded("Tests, and what is different", *more)])


def _causes(found: Comparison) -> Html | None:
    causes = [element("li", without_places(str(cause))) for cause in found.causes]
    return join([element("p", "What is different:"), element("ul", *causes)]) if causes else None
