"""Section of a report: which utterances were heard wrongly, what was confused with what, and by whom and where."""

from collections import Counter
from collections.abc import Mapping, Sequence

from asr.report.alignment import Step, align_characters, align_words, confusions
from asr.report.breakdown import Group, by_seconds, by_speaker, by_words
from asr.report.corpus import bar, shown
from asr.report.markup import Html, element, figure, folded, join, note, table
from asr.report.material import Run
from asr.report.plot import Axis, Dot, interval_plot
from asr.scoring import in_units

WORST, TYPICAL, MORE = 10, 5, 200  # utterances that are shown
CONFUSED = 15  # pairs of a table
SPEAKERS = 40  # of a plot

Aligned = Mapping[str, Mapping[str, list[Step]]]  # by label of a run, and id of an utterance


def errors(runs: Sequence[Run]) -> Html:
    """For each test part that the runs were judged by; runs of the same one, in the same unit, are side by side."""
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        corpus = run.record.corpus
        if run.outcomes and corpus and run.part in corpus.splits:
            key = (corpus.splits[run.part].digest, run.record.recipe.score.unit)
            found.setdefault(key, []).append(run)
    if not found:
        return note("No record tells of each utterance.")
    parts: list[Html | None] = []
    for each in found.values():
        if len(found) > 1:
            parts.append(element("h3", ", ".join(run.label for run in each)))
        heard = [run for run in each if run.heard]
        aligned = {run.label: _aligned(run) for run in heard}
        parts += [_about(each), _breakdowns(each), _confusions(heard, aligned), _utterances(heard, aligned)]
    return join(parts)


def ranked(runs: Sequence[Run]) -> list[str]:
    """Ids of the utterances with errors, the most errors of all runs together first."""
    sums: Counter[str] = Counter()
    for run in runs:
        sums.update({name: outcome.errors for name, outcome in run.outcomes.items()})
    return [name for name, count in sorted(sums.items(), key=lambda item: (-item[1], item[0])) if count]


def typical(runs: Sequence[Run], but: Sequence[str], count: int = TYPICAL) -> list[str]:
    """Ids at even distances among all the others, in the order of their ids: as utterances mostly are."""
    others = sorted(set(runs[0].outcomes) - set(but))
    return [
        others[round((place + 0.5) * len(others) / count - 0.5)] for place in range(min(count, len(others)))
    ]


def _about(runs: Sequence[Run]) -> Html:
    ways = {run.how for run in runs}
    how = ways.pop() if len(ways) == 1 else "; ".join(f"{run.label}: {run.how}" for run in runs)
    warning = (
        " Whoever chooses recipes by this should look at dev instead (--part dev): test is to be used once."
    )
    return note(
        f"Part: {runs[0].part}. What is shown was heard by {how}.{warning * (runs[0].part == 'test')}"
    )


def _breakdowns(runs: Sequence[Run]) -> Html:
    speakers = [(run, by_speaker(run.outcomes)) for run in runs]
    words = [(run, by_words(run.outcomes)) for run in runs]
    lengths = [
        (run, by_seconds(run.outcomes, run.utterances[run.part]) if run.utterances else []) for run in runs
    ]
    plots = [
        _breakdown(title, [each for each in found if each[1]])
        for title, found in (
            ("speaker", speakers),
            ("number of words", words),
            ("length of the audio", lengths),
        )
        if any(groups for _, groups in found)
    ]
    about = note(
        "95 % intervals: bootstrap over the utterances of the group; where there was no error, the upper limit "
        "of Clopper and Pearson for as many independent words; of a single utterance with errors there is none. "
        "Groups are small: that intervals do not overlap by chance in one of many groups is no finding."
    )
    return join(
        [
            element("h3", "Error rate by group"),
            element("div", plots[0], element("div", *plots[1:]), class_="grid"),
            about,
        ]
    )


def _breakdown(title: str, found: Sequence[tuple[Run, list[Group]]]) -> Html:
    names = list(dict.fromkeys(group.name for _, groups in found for group in groups))[:SPEAKERS]
    by_name = [(run, {group.name: group for group in groups}) for run, groups in found]
    rows = [
        (
            name,
            [
                Dot(groups[name].rate, groups[name].low, groups[name].high, run.tone, f"{run.label}, {name}")
                for run, groups in by_name
                if name in groups
            ],
        )
        for name in names
    ]
    numbers = [
        [name, run.label, group.utterances, group.words, group.errors, f"{group.rate:.2%}", group.interval]
        for name in names
        for run, groups in by_name
        if (group := groups.get(name))
    ]
    headings = (title, "run", "utterances", "words", "errors", "error rate", "95 % interval")
    plot = interval_plot(
        f"Error rate by {title}; the numbers are in the table below", rows, Axis("error rate", percent=True)
    )
    return figure(
        element("b", f"By {title}"),
        plot,
        folded("Numbers", table(f"Error rate by {title}", headings, numbers, words=2)),
    )


def _confusions(heard: Sequence[Run], aligned: Aligned) -> Html:
    if not heard:
        return join(
            [
                element("h3", "Confusions"),
                note("The texts are in the run's folder, which is not here, and not in its record."),
            ]
        )
    unit = heard[0].record.recipe.score.unit
    units = [(run, confusions(aligned[run.label].values())) for run in heard]
    tables = [_confused(f"{unit.capitalize()}s", units)]
    if unit == "word":
        characters = [(run, confusions(align_characters(_pairs(run)))) for run in heard]
        tables.append(_confused("Characters", characters))
    return join([element("h3", "Confusions"), element("div", *tables, class_="grid")])


def _confused(title: str, found: Sequence[tuple[Run, Counter[tuple[str, str]]]]) -> Html:
    total: Counter[tuple[str, str]] = sum((counts for _, counts in found), Counter())
    pairs = sorted(total, key=lambda pair: (-total[pair], pair))[:CONFUSED]
    most = max(total.values(), default=1)
    rows = [
        [
            element("span", shown(said) or "nothing", class_=None if said else "quiet"),
            element("span", shown(heard) or "nothing", class_=None if heard else "quiet"),
            *([bar(total[said, heard], most)] if len(found) == 1 else []),
            *(counts[said, heard] or "" for _, counts in found),
        ]
        for said, heard in pairs
    ]
    single = (
        ["", "times"]
        if len(found) == 1
        else [element("span", run.label, class_=f"run {run.tone}") for run, _ in found]
    )
    caption = f"{title}: the most frequent of {sum(total.values()):,} errors"
    return table(caption, ["said", "heard", *single], rows, words=2, class_="bars")


def _utterances(heard: Sequence[Run], aligned: Aligned) -> Html | None:
    if not heard:
        return None
    wrong = [name for name in ranked(heard) if any(name in run.heard for run in heard)]
    worst, rest = wrong[:WORST], wrong[WORST : WORST + MORE]
    mostly = typical(heard, worst)
    parts: list[Html | None] = [
        element("h3", "Worst utterances"),
        legend(),
        _listed(worst, heard, aligned),
        element("h3", "Typical utterances"),
        note("At even distances among all the others, in the order of their ids."),
        _listed(mostly, heard, aligned),
    ]
    if rest:
        count = len(wrong) - len(worst)
        more = note(f"and {count - MORE:,} more") if count > MORE else None
        parts.append(
            folded(f"All other utterances with errors ({count:,})", _listed(rest, heard, aligned), more)
        )
    return join(parts)


def _aligned(run: Run) -> Mapping[str, list[Step]]:
    unit = run.record.recipe.score.unit
    return dict(zip(run.heard, align_words(_pairs(run), unit), strict=True))


def _pairs(run: Run) -> list[tuple[str, str]]:
    return [(each.reference, each.hypothesis) for each in run.heard.values()]


def _listed(names: Sequence[str], runs: Sequence[Run], aligned: Aligned) -> Html:
    """Utterances; of a single run two in a row, of several each run has its place."""
    shown_all = (_utterance(name, runs, aligned) for name in names)
    return element("div", *shown_all, class_="pairs" if len(runs) == 1 else None)


def _utterance(name: str, runs: Sequence[Run], aligned: Aligned) -> Html:
    """What was said and what each run heard, word above word."""
    first = next(run.heard[name] for run in runs if name in run.heard)
    alike: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if name in run.heard:
            alike.setdefault((run.heard[name].reference, run.heard[name].hypothesis), []).append(run)
    rows = [_pair(each, name, aligned[each[0].label][name], len(runs) > 1) for each in alike.values()]
    speaker = f", speaker {first.speaker}" if first.speaker else ""
    return element(
        "article",
        element("p", element("b", name), element("span", speaker, class_="quiet")),
        element("div", *rows, class_="pairs"),
        class_="utterance",
    )


def _pair(alike: Sequence[Run], name: str, steps: Sequence[Step], several: bool) -> Html:
    """What these runs heard, all of them the same."""
    run = alike[0]
    wrong = sum(step.kind != "hit" for step in steps)
    units = len(in_units(run.heard[name].reference, run.record.recipe.score.unit).split())
    count = f"{wrong} error{'s' * (wrong != 1)} in {units}"
    labels = (
        [element("span", each.label, " ", class_=f"run {each.tone}") for each in alike] if several else []
    )
    words = [element("span", *cells(step), class_=f"step {step.kind}") for step in steps]
    return element(
        "div", element("p", *labels, count, class_="quiet count"), element("div", *words, class_="steps")
    )


def cells(step: Step) -> list[Html]:
    """What was said, and under it what was heard; what is wrong is also said in words, to be heard or copied."""
    if step.kind == "hit":
        heard = element("span", shown(step.hypothesis), class_="heard", aria_hidden="true")
        return [element("span", shown(step.reference), class_="said"), heard]
    said = [element("span", f"{step.kind}: ", class_="unseen"), shown(step.reference) or "∅"]
    heard_as = [element("span", " heard as ", class_="unseen"), shown(step.hypothesis) or "∅"]
    return [element("span", *said, class_="said"), element("span", *heard_as, class_="heard")]


def legend() -> Html:
    kinds = ("substituted", "deleted", "inserted")
    keys = [
        element("span", element("span", kind, class_="said"), class_=f"step {kind} key") for kind in kinds
    ]
    about = "Above what was said, below what was heard; ∅ stands for nothing: "
    return element("p", about, *keys, class_="quiet legend")
