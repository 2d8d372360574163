"""A report as one page of HTML that needs nothing else: no other file, no address, no code of anybody else's."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from asr.files import write_text
from asr.report.corpus import corpus_title, data
from asr.report.environment import environment
from asr.report.errors import errors
from asr.report.hearing import hearing
from asr.report.learning import learning
from asr.report.markup import Html, element, join
from asr.report.material import Run, read_runs
from asr.report.results import badge, comparisons, interval, results, unit_rate, verdicts
from asr.report.sectioned import tile
from asr.report.style import PLAYER, STYLE

AUDIO = 3  # utterances that can be heard, unless another number is asked for


def write_report(path: Path, runs: Sequence[Path], *, part: str = "test", audio: int = AUDIO) -> None:
    """Whole or not at all.

    Args:
        runs: run folders, or records by themselves; the first is what the others are compared with.
        part: whose errors are shown, dev or test.
        audio: utterances that are embedded with their sound.

    Raises:
        RunError: no run there, or a record that contradicts itself.
        StorageError: it cannot be written.
    """
    write_text(path, page(read_runs(runs, part), audio))


def page(runs: Sequence[Run], audio: int = AUDIO) -> str:
    """The whole page."""
    sections: list[tuple[str, str, Callable[[], Html]]] = [
        ("results", "Results", lambda: results(runs)),
        ("verification", "Verification", lambda: verdicts(runs)),
        ("learning", "Learning", lambda: learning(runs)),
        ("data", "Data", lambda: data(runs)),
        ("errors", "Errors", lambda: errors(runs)),
        ("sound", "Sound", lambda: hearing(runs, audio)),
        ("environment", "Environment", lambda: environment(runs)),
    ]
    if len(runs) > 1:
        sections.insert(2, ("comparison", "Comparison", lambda: comparisons(runs)))
    made = [(name, title, _section(name, title, content(), runs)) for name, title, content in sections]
    links = [element("li", element("a", title, href=f"#{name}")) for name, title, _ in made]
    body = element(
        "body",
        element("a", "Skip to the results", href="#results", class_="skip"),
        _header(runs),
        element("nav", element("ul", *links), aria_label="Sections"),
        element("main", *(section for _, _, section in made)),
        element("script", Html(PLAYER)),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Report: {_title(runs)}"),
        element("style", Html(STYLE)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _policy() -> str:
    """Only this style and this script, pictures and sound only from inside the page; nothing is ever fetched."""
    style, script = (
        base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in (STYLE, PLAYER)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


def _section(name: str, title: str, content: Html, runs: Sequence[Run]) -> Html:
    legend = None
    if len(runs) > 1 and name in ("learning", "errors"):
        legend = element(
            "ul", *(element("li", run.label, class_=f"run {run.tone}") for run in runs), class_="legend-runs"
        )
    return element(
        "section",
        element("h2", title, id=f"{name}-title"),
        legend,
        content,
        id=name,
        aria_labelledby=f"{name}-title",
    )


def _title(runs: Sequence[Run]) -> str:
    names = list(dict.fromkeys(run.record.recipe.name for run in runs))
    return f"{len(runs)} runs of {', '.join(names)}" if len(runs) > 1 else runs[0].label


def _header(runs: Sequence[Run]) -> Html:
    first = runs[0].record
    titles = list(dict.fromkeys(corpus_title(run.record.corpus) for run in runs if run.record.corpus))
    about = "; ".join(titles) or "no corpus read yet"
    if first.corpus and first.corpus.synthetic:
        about += " (synthetic speech)"
    tiles = _tiles(runs[0]) if len(runs) == 1 else [_tile_of(run) for run in runs]
    return element(
        "header",
        element("p", "asr report", class_="command"),
        element("h1", _title(runs)),
        element("p", about, class_="quiet"),
        element("dl", *tiles, class_="tiles"),
    )


def _tiles(run: Run) -> list[Html]:
    found = []
    test = run.record.results.get("test")
    for how, result in reversed(run.decoded("test")):
        found.append(tile(f"Test {unit_rate(result)}, {how}", f"{result.wer:.2%}", interval(result)))
    if test:
        found.append(
            tile("Test CER, greedy", f"{test.cer:.2%}", f"{test.characters.reference_length:,} characters")
        )
        wrong = f"{test.wrong_sentences} of {test.sentences} utterances"
        found.append(tile("Sentences wrong, greedy", f"{test.ser:.1%}", wrong))
    else:
        found.append(tile("Status", run.record.status, f"{len(run.record.epochs)} epochs"))
    return [*found, tile("asr verify", badge(run), _checks(run))]


def _checks(run: Run) -> str:
    checks = run.verification.checks
    return f"{sum(check.outcome != 'not checked' for check in checks)} of {len(checks)} checks made"


def _tile_of(run: Run) -> Html:
    name = element("span", run.label, class_=f"run {run.tone}")
    decoded = run.decoded("test")
    if not decoded:
        return tile(name, run.record.status, badge(run))
    how, result = decoded[-1]
    said = join([element("p", f"{unit_rate(result)}, {how}", element("br"), interval(result)), badge(run)])
    return tile(name, f"{result.wer:.2%}", said)
