"""A study as one page of HTML that needs nothing else: no other file, no address, no script."""

from collections.abc import Iterator

from asr.report.markup import Html, element, figure, join, note, table
from asr.report.plot import Axis, Line, line_plot
from asr.report.sectioned import sectioned_page, tile
from asr.tuning.plots import GIVEN_UP, GOOD, OTHER, WIDE, Shown, bars, history, parallel, shown_of, slice_plot
from asr.tuning.record import StudyRecord, Trial
from asr.tuning.rules import environment, rate_of, rules, shown_value, shown_where

_OWN = """
.faint{opacity:.35}.strong{stroke-width:3.2}svg.whole{max-width:none;min-width:760px}
svg.whole .tick{paint-order:stroke;stroke:var(--card);stroke-width:3px}
svg.whole .curve{stroke-width:1.3}svg.whole .strong{stroke-width:3.2}
section>figure.full{max-width:none}.state{font-weight:600}.state.complete{color:var(--good)}.state.pruned{color:var(--quiet)}
.state.failed{color:var(--bad)}.state.running{color:var(--warn)}
"""


def page(record: StudyRecord) -> str:
    """The whole page, from the record alone."""
    trials = shown_of(record)
    sections = [
        ("result", "Result", _result(record)),
        ("history", "History", _history(record, trials)),
        ("importance", "What mattered", _importance(record)),
        ("keys", "Keys", _keys(record, trials)),
        ("trials", "Trials", _trials(record)),
        ("rules", "Rules", rules(record)),
        ("environment", "Environment", environment(record)),
    ]
    return sectioned_page(f"Study: {record.recipe.name}", _header(record), sections, _OWN)


def _header(record: StudyRecord) -> Html:
    corpus = record.corpus
    about = f"{corpus.name}{' (synthetic speech)' * corpus.synthetic}" if corpus else "no corpus read yet"
    counts = {state: _count(record, state) for state in ("complete", "pruned", "failed")}
    seconds = sum(session.seconds for session in record.sessions)
    budget = f"of {record.search.trials}" + f", {record.search.minutes:g} min" * bool(record.search.minutes)
    said = f"{counts['complete']} complete, {counts['pruned']} pruned, {counts['failed']} failed"
    tiles = [
        tile(
            f"Best dev {rate_of(record)}",
            f"{record.best.objective:.2%}" if record.best else "none yet",
            f"trial {record.best.trial}; the best of many, so it flatters" if record.best else "",
        ),
        tile(f"Trials {budget}", str(sum(counts.values())), said),
        tile("Time", f"{seconds / 60:.1f} min", f"{record.sessions[-1].workers} side by side"),
        tile("Test part", "not read", "trials are given train and dev alone"),
    ]
    return element(
        "header",
        element("p", "asr tune", class_="command"),
        element("h1", record.recipe.name),
        element("p", f"{about}; {record.status}", class_="quiet"),
        element("dl", *tiles, class_="tiles"),
    )


def _count(record: StudyRecord, state: str) -> int:
    return sum(trial.state == state for trial in record.trials)


def _result(record: StudyRecord) -> Html:
    best = record.best
    if best is None:
        return note("No trial is complete yet.")
    seeds = ", ".join(map(str, record.search.seeds))
    rows = [(key, shown_value(value), shown_where(record, key)) for key, value in best.values.items()]
    said = (
        f"Trial {best.trial} has WER {best.wer:.2%} and CER {best.cer:.2%} on the development part, at the best epoch, "
        f"seeds averaged: {seeds}. It was chosen as the best of {_count(record, 'complete')} on that part, which "
        "therefore flatters it, the more the smaller the part is; the test part, which no trial was given, is for the "
        "run of best.toml to read, once."
    )
    chosen = table("Values of best.toml that were searched", ("key", "best", "searched"), rows, words=3)
    return join([element("p", said), chosen])


def _history(record: StudyRecord, trials: list[Shown]) -> Html:
    if not trials:
        return note("No trial has gone through an epoch yet.")
    rate = rate_of(record)
    lines = [
        Line(
            f"trial {each.trial.number}",
            [(report.step, report.value) for report in each.trial.reports],
            each.tone,
        )
        for each in trials
    ]
    values = [value for line in lines for _, value in line.points]
    wide = min(values) > 0 and max(values) / min(values) > WIDE
    curves = line_plot(
        f"dev {rate} of the best epoch so far, {len(lines)} trials; the best trial is drawn last",
        lines,
        Axis("epochs", zero=True),
        Axis(f"dev {rate}", log=wide, percent=True),
    )
    legend = element(
        "ul",
        element("li", "best", class_=f"run {GOOD}"),
        element("li", "complete", class_=f"run {OTHER}"),
        element("li", "given up, where it was then", class_=f"run {GIVEN_UP}"),
        class_="legend-runs",
    )
    pictures = [
        figure(join([element("b", "Trials in their order"), ", and the best so far"]), history(trials, rate)),
        figure(
            join([element("b", "Every trial by epoch"), ": what pruning decides by, the best epoch so far"]),
            curves,
        ),
    ]
    return join([legend, element("div", *pictures, class_="grid")])


def _importance(record: StudyRecord) -> Html:
    found = record.importances
    if found is None:
        return note("Too few complete trials to say which keys mattered.")
    rest = max(0.0, 1 - sum(each.fanova for each in found.keys))
    rows = [
        [each.key, f"{each.fanova:.1%}", f"{each.spread:.1%}", f"{each.early:.1%}", f"{each.ped_anova:.1%}"]
        for each in found.keys
    ]
    headings = ("key", "fANOVA", "± over forests", f"after {found.early_step} epochs", "PED-ANOVA")
    fit = "not to be had" if found.fit is None else f"{found.fit:.2f}"
    early = "not to be had" if found.early_fit is None else f"{found.early_fit:.2f}"
    said = (
        f"How much of the variance of dev {rate_of(record)} over {found.trials} complete trials is due to each key by "
        f"itself, by functional ANOVA of {found.forests} random forests of {found.trees} trees; {rest:.0%} is in how "
        f"keys act together. The thin bars are of all {found.early_trials} trials after {found.early_step} epochs, "
        "those given up later among them: complete trials alone are a selection. How well such forests foretell "
        f"trials that they have not seen (out-of-bag R²): {fit}, early {early}; near 0 or below, the bars say "
        "nothing. PED-ANOVA is another method: in what the better half differs from all."
    )
    picture = figure("Importance of keys", bars(found))
    return join([element("p", said), picture, table("The same in numbers", headings, rows)])


def _keys(record: StudyRecord, trials: list[Shown]) -> Html:
    if not trials:
        return note("No trial has gone through an epoch yet.")
    rate = rate_of(record)
    order = [each.key for each in record.importances.keys] if record.importances else [*record.search.keys]
    slices = [figure(element("b", key), slice_plot(record, key, trials, rate)) for key in order]
    whole = element(
        "div",
        parallel(record, trials, rate),
        class_="wide",
        tabindex="0",
        role="region",
        aria_label="All keys",
    )
    caption = "All keys together: a line a trial, the best one strong, those given up faint"
    together = figure(caption, whole, class_="full")
    return join([element("div", *slices, class_="grid"), together])


def _trials(record: StudyRecord) -> Html:
    keys = list(record.search.keys)
    best = record.best.trial if record.best else 0
    rows = [[*_cells(trial, keys, is_best=trial.number == best)] for trial in record.trials]
    headings = ["trial", "state", *keys, "epochs", "WER", "CER", "parameters", "seconds"]
    shown = table(
        "Trials in their order; of those given up what they had come to", headings, rows, words=2 + len(keys)
    )
    failed = [
        element("li", f"trial {trial.number}: {trial.reason}")
        for trial in record.trials
        if trial.state == "failed"
    ]
    why = join([element("p", "Failed:"), element("ul", *failed)]) if failed else None
    return join([shown, why])


def _cells(trial: Trial, keys: list[str], *, is_best: bool) -> Iterator[object]:
    yield f"{trial.number}{' *' * is_best}"
    yield element("span", trial.state, class_=f"state {trial.state}")
    yield from (shown_value(trial.values[key]) for key in keys)
    epochs = [epoch for training in trial.trainings for epoch in training.epochs]
    yield str(len(epochs))
    bests = [[epoch for epoch in training.epochs if epoch.best][-1:] for training in trial.trainings]
    found = [epoch for each in bests for epoch in each]
    yield f"{sum(epoch.wer for epoch in found) / len(found):.2%}" if found else ""
    yield f"{sum(epoch.cer for epoch in found) / len(found):.2%}" if found else ""
    yield f"{trial.trainings[0].parameters:,}" if trial.trainings else ""
    yield f"{trial.seconds:.0f}"
