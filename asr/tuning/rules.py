"""Sections of a study's page: by which rules was searched, and on what."""

import json

from asr.recipe_file import to_toml
from asr.report.markup import Html, element, folded, join, table
from asr.tuning.record import StudyRecord
from asr.tuning.search import Range, value_of


def rate_of(record: StudyRecord) -> str:
    """What is made small, as it is called."""
    if record.search.objective == "cer":
        return "CER"
    return "WER" if record.recipe.score.unit == "word" else "CER"


def rules(record: StudyRecord) -> Html:
    search = record.search
    minutes = f", or {search.minutes:g} minutes, after which none begins" if search.minutes else ""
    facts = [
        ("budget", f"{search.trials} trials{minutes}"),
        ("objective", f"dev {rate_of(record)} of the best epoch, mean over seeds {', '.join(map(str, search.seeds))}"),
        ("sampler", record.optuna.sampler),
        ("sampler's seed", str(search.seed)),
        ("drawn from", f"what the trials at least {search.lag} numbers before came to, whoever else is under way"),
        ("pruner", record.optuna.pruner or "none"),
        ("Optuna", record.optuna.version),
        ("parts heard", ", ".join(record.heard)),
        ("study", record.digest[:16]),
    ]  # fmt: skip
    ranges = [
        (key, shown_where(record, key), shown_value(value_of(record.recipe, key))) for key in search.keys
    ]
    return join(
        [
            table("How was searched", ("", ""), facts, words=2, class_="facts"),
            table("What was searched", ("key", "where", "in the recipe around it"), ranges, words=3),
        ]
    )


def environment(record: StudyRecord) -> Html:
    machine, last = record.environment, record.sessions[-1]
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    facts = [
        ("command", record.command),
        ("processor", f"{machine.processor}, {machine.cores} cores, {machine.memory / 2**30:.0f} GiB"),
        ("instructions", machine.instructions),
        ("system", f"{machine.system}, {machine.libc}, Python {machine.python}"),
        ("libraries", packages),
        ("device", last.device),
        ("workers", f"{last.workers}, one computing thread each"),
        ("code", f"{last.code.version}, digest {last.code.digest[:12]}" + ", with changes" * bool(last.code.changed)),
        ("sessions", f"{len(record.sessions)}, begun {record.sessions[0].started}"),
    ]  # fmt: skip
    shown = table("Machine, code and settings", ("", ""), facts, words=2, class_="facts")
    return join(
        [
            shown,
            folded("Recipe around which was searched, with every default", element("pre", to_toml(record.recipe))),
        ]
    )  # fmt: skip


def shown_value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value).strip('"')


def shown_where(record: StudyRecord, key: str) -> str:
    where = record.search.keys[key]
    if not isinstance(where, Range):
        return " | ".join(shown_value(each) for each in where)
    step = f", step {where.step:g}" * bool(where.step)
    return f"{where.low:g} to {where.high:g}{', logarithmic' * where.log}{step}"
