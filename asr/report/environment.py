"""Section of a report: on what it was computed, by which code, and how long it took."""

from collections.abc import Sequence

from asr.report.markup import Html, element, folded, join, table
from asr.report.material import Run
from asr.runs.record import Record


def environment(runs: Sequence[Run]) -> Html:
    """A column for each run; what differs is marked."""
    columns = [_facts(run.record) for run in runs]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = []
    for name in names:
        values = [column.get(name, "") for column in columns]
        other = len(set(values)) > 1
        cells = [element("span", value, class_="differs" if other else None) for value in values]
        rows.append(
            [element("span", name, element("span", " (differs)", class_="unseen") if other else None), *cells]
        )
    shown = table(
        "Machine, code and settings; what differs between runs is marked"
        if len(runs) > 1
        else "Machine, code and settings",
        ("", *(run.label for run in runs)),
        rows,
        words=len(runs) + 1,
        class_="facts",
    )
    return join([shown, *(_recipe(run) for run in runs)])


def _facts(record: Record) -> dict[str, str]:
    machine, last = record.environment, record.sessions[-1]
    facts = {
        "command": record.command,
        "seed": str(record.recipe.seed),
        "recipe": record.recipe_digest[:16],
        "processor": f"{machine.processor}, {machine.cores} cores, {machine.memory / 2**30:.0f} GiB",
        "instructions": machine.instructions,
        "system": f"{machine.system}, {machine.libc}, Python {machine.python}",
        "libraries": ", ".join(f"{name} {version}" for name, version in machine.packages.items()),
        "device": last.device,
        "workers": f"{last.workers} in each of {last.processes} processes"
        if last.processes > 1
        else f"{last.workers}",
        "code": f"{last.code.version}, commit {last.code.commit[:12] or 'unknown'}"
        + ", with changes" * bool(last.code.changed)
        + f", digest {last.code.digest[:12]}",
        "sessions": f"{len(record.sessions)}, begun {record.sessions[0].started}",
    }
    if record.numerics:
        facts["determinism"] = record.numerics.determinism
    if record.tokenizer:
        facts["tokens"] = f"{record.tokenizer.size} {record.tokenizer.kind}"
    if record.model:
        facts["parameters"] = f"{record.model.parameters:,}"
        facts["steps"] = f"{record.model.steps:,}, best epoch {record.model.best_epoch}"
        facts["weights"] = record.model.weights_digest[:16]
    if record.times:
        facts["training"] = f"{record.times.training / 60:.1f} min"
        facts["decoding"] = f"real-time factor {record.times.real_time_factor:.4f}"
    if record.search and record.search.language_model:
        model = record.search.language_model
        facts["language model"] = f"{model.order}-gram of {model.source}"
    if last.peak_memory:
        facts["peak memory"] = f"{last.peak_memory / 2**20:,.0f} MiB"
    return facts


def _recipe(run: Run) -> Html:
    from asr.recipe_file import to_toml

    return folded(f"Recipe of {run.label}, with every default", element("pre", to_toml(run.record.recipe)))
