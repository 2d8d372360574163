"""Do the numbers of a record agree with each other: rates with counts, totals with outcomes, epochs with steps."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from asr.claims.checks.scored import all_scored
from asr.claims.evidence import Evidence
from asr.claims.findings import Finding, contradiction, differences
from asr.runs.record import Counts, Epoch, Outcome, Record, Result, Session, TrailEntry

_DIGITS = 4  # hexadecimal ones of a step in the trail
_HEX = re.compile(r"[0-9a-f]*")


def check_counts(evidence: Evidence) -> Iterator[Finding]:
    """Each rate is its errors divided by its references, of the development and the test part."""
    record, corpus = evidence.need_record(), evidence.need_corpus()
    results = [
        (f"{scored.prefix}results.{part}", part, result)
        for scored in all_scored(record)
        for part, result in scored.results.items()
    ]
    results += [(f"epochs.{row}.dev", "dev", epoch.dev) for row, epoch in enumerate(record.epochs)]
    for key, part, result in results:
        yield from _rates(key, result)
        if part in corpus.splits and result.sentences != corpus.splits[part].utterances:
            other = f"corpus.splits.{part}.utterances"
            yield contradiction(f"{key}.sentences", result.sentences, corpus.splits[part].utterances, other)
    if "dev" in record.results:
        for row, epoch in enumerate(record.epochs):
            yield from _same_references(f"epochs.{row}.dev", epoch.dev, record.results["dev"], "dev")
        yield from _dev_of_the_best(record)
    for part in record.results.keys() & (record.search.results.keys() if record.search else ()):
        assert record.search is not None
        found = record.search.results[part]
        yield from _same_references(f"search.results.{part}", found, record.results[part], part)


def check_outcomes(evidence: Evidence) -> Iterator[Finding]:
    """Added up over utterances, outcomes give the results, and resampled their interval."""
    evidence.need_format(2)
    record = evidence.need_record()
    for scored in all_scored(record):
        for part in sorted(scored.outcomes.keys() & scored.results.keys()):
            yield from _sums(scored.prefix, part, scored.outcomes[part], scored.results[part])


def check_training(evidence: Evidence) -> Iterator[Finding]:
    """It began as the recipe says, epochs are counted, steps and seconds add up, sessions follow each other."""
    record, model = evidence.need_record(), evidence.need_model()
    yield from _beginning(record)
    yield from _epochs(record.epochs, record.recipe.train.chosen_epoch)
    yield from _length(record)
    best = max((epoch.epoch for epoch in record.epochs if epoch.best), default=0)
    if model.best_epoch != best:
        yield contradiction("model.best_epoch", model.best_epoch, best, "the last of epochs with best = true")
    steps = sum(epoch.steps for epoch in record.epochs)
    if model.steps != steps:
        yield contradiction("model.steps", model.steps, steps, "the steps of all epochs")
    yield from _times(evidence)
    yield from _sessions(record.sessions)
    yield from _numerics(record)


def _beginning(record: Record) -> Iterator[Finding]:
    """With another model where the recipe names one, and then each token is one of it, or fresh."""
    initial, source = record.initial, record.recipe.init.source
    if (initial is not None) != bool(source):
        ours, theirs = ("a model" if there else None for there in (initial is not None, bool(source)))
        yield contradiction("initial", ours, theirs, f"recipe.init.from = {source!r}")
    elif initial is not None and record.tokenizer is not None:
        tokens = initial.shared_tokens + len(initial.fresh_tokens)
        if tokens != record.tokenizer.size:
            yield contradiction("initial.shared_tokens", tokens, record.tokenizer.size, "tokenizer.size")


def check_trail(evidence: Evidence) -> Iterator[Finding]:
    """It leads from step 0 to the last step, with four digits for each and a digest at the end of each epoch."""
    evidence.need_format(2)
    record, model = evidence.need_record(), evidence.need_model()
    if not record.trail:
        return  # named among the keys
    yield from _way(record.trail, model.steps)
    there = {entry.step: entry for entry in record.trail}
    due, ends = set(range(0, model.steps + 1, record.recipe.train.digest_every)), _ends(record.epochs)
    for step in sorted(due.union(ends) - there.keys()):
        message = f"no entry for step {step}; one is due every train.digest_every steps and after each epoch"
        yield Finding("missing", "trail", "nothing", str(step), message)
    best = there.get(ends[model.best_epoch - 1]) if 0 < model.best_epoch <= len(ends) else None
    if best is not None and best.average != model.weights_digest:
        by = f"the average after its best epoch (trail.{record.trail.index(best)}.average)"
        yield contradiction("model.weights_digest", model.weights_digest, best.average, by)


def _rates(key: str, result: Result) -> Iterator[Finding]:
    for name, counts, rate in (("words", result.words, "wer"), ("characters", result.characters, "cer")):
        length = counts.hits + counts.substitutions + counts.deletions
        if counts.reference_length != length:
            by = "hits + substitutions + deletions"
            yield contradiction(f"{key}.{name}.reference_length", counts.reference_length, length, by)
        by = f"its errors / reference length in {key}.{name}"
        yield from _ratio(f"{key}.{rate}", getattr(result, rate), _errors(counts), length, by)
    by = "wrong_sentences / sentences"
    yield from _ratio(f"{key}.ser", result.ser, result.wrong_sentences, result.sentences, by)
    low, high = result.wer_interval_95
    if not 0 <= low <= high:
        yield contradiction(
            f"{key}.wer_interval_95", [low, high], sorted([low, high]), "low end first, 0 or more"
        )


def _ratio(key: str, found: float, errors: int, length: int, by: str) -> Iterator[Finding]:
    if length <= 0 or errors < 0:
        yield contradiction(key, found, None, f"{errors} / {length} is no rate")
    elif found != errors / length:
        yield contradiction(key, found, errors / length, by)


def _errors(counts: Counts) -> int:
    return counts.substitutions + counts.deletions + counts.insertions


def _same_references(key: str, found: Result, expected: Result, part: str) -> Iterator[Finding]:
    for name in ("words", "characters"):
        ours, theirs = (getattr(result, name).reference_length for result in (found, expected))
        if ours != theirs:
            by = f"results.{part}.{name}.reference_length, of the same references"
            yield contradiction(f"{key}.{name}.reference_length", ours, theirs, by)


def _dev_of_the_best(record: Record) -> Iterator[Finding]:
    """The weights that were kept are decoded again at the end: on one machine, to the same transcripts."""
    sessions, best = record.sessions, record.model.best_epoch if record.model else 0
    one_machine = all(session.device == "cpu" and not session.differs for session in sessions)
    if one_machine and 0 < best <= len(record.epochs):
        found = record.results["dev"].model_dump(mode="json")
        expected = record.epochs[best - 1].dev.model_dump(mode="json")
        for key, ours, theirs in differences(found, expected, "results.dev"):
            yield contradiction(key, ours, theirs, f"epochs.{best - 1}.dev, of the same weights")


def _sums(prefix: str, part: str, outcomes: Mapping[str, Outcome], result: Result) -> Iterator[Finding]:
    key, every = f"{prefix}outcomes.{part}", outcomes.values()
    for name, found, expected, by in (
        ("words", sum(each.words for each in every), result.words.reference_length, "words.reference_length"),
        ("errors", sum(each.errors for each in every), _errors(result.words), "words: errors"),
        (
            "characters",
            sum(each.characters for each in every),
            _errors(result.characters),
            "characters: errors",
        ),
        ("errors", sum(each.errors > 0 for each in every), result.wrong_sentences, "wrong_sentences"),
    ):
        if found != expected:
            yield contradiction(f"{key}.*.{name}", found, expected, f"{prefix}results.{part}.{by}")
    if len(outcomes) != result.sentences:
        yield contradiction(key, len(outcomes), result.sentences, f"{prefix}results.{part}.sentences")
    for name, each in outcomes.items():
        if min(each.words, each.errors, each.characters) < 0 or not _is_hex(each.hypothesis, 16):
            message = "counts are 0 or more, and hypothesis is 16 hexadecimal digits"
            yield Finding("invalid", f"{key}.{name}", each.model_dump_json(), "", message)


def _epochs(epochs: Sequence[Epoch], chosen: str) -> Iterator[Finding]:
    least: tuple[int, int] | None = None
    layers = {name for epoch in epochs for name in epoch.gradient_norms}
    for row, epoch in enumerate(epochs):
        if epoch.epoch != row + 1:
            yield contradiction(f"epochs.{row}.epoch", epoch.epoch, row + 1, "its place in the list")
        if epoch.steps < 1 or not 0 <= epoch.clipped <= 1:
            message = "an epoch has steps, and its clipped share of them is between 0 and 1"
            yield Finding("invalid", f"epochs.{row}", f"{epoch.steps} steps, {epoch.clipped}", "", message)
        errors = (_errors(epoch.dev.words), _errors(epoch.dev.characters))
        best = chosen == "last" or least is None or errors < least
        least = errors if best else least
        if epoch.best != best:
            by = "recipe.train.chosen_epoch, which is the last"
            if chosen == "best":
                by = f"its {errors[0]} word and {errors[1]} character errors against those of the epochs before"
            yield contradiction(f"epochs.{row}.best", epoch.best, best, by)
        for name in sorted(layers - epoch.gradient_norms.keys()):
            message = "missing here, though other epochs have it"
            yield Finding("missing", f"epochs.{row}.gradient_norms.{name}", "nothing", "", message)


def _length(record: Record) -> Iterator[Finding]:
    """All epochs of the recipe, unless patience came to an end."""
    settings, done = record.recipe.train, len(record.epochs)
    best = record.model.best_epoch if record.model else 0
    stopped = settings.patience and done - (best - 1) > settings.patience
    if done > settings.epochs or (done < settings.epochs and not stopped):
        yield contradiction(
            "epochs", done, settings.epochs, "recipe.train.epochs, and its patience did not end it"
        )


def _times(evidence: Evidence) -> Iterator[Finding]:
    record, corpus = evidence.need_record(), evidence.need_corpus()
    times, test = record.times, corpus.splits.get("test")
    if times is None:
        return
    seconds = sum(epoch.seconds for epoch in record.epochs)
    if not math.isclose(times.training, seconds, rel_tol=1e-9):
        yield contradiction("times.training", times.training, seconds, "the seconds of all epochs")
    if test is None or test.seconds <= 0:
        return
    factor = times.decoding / test.seconds
    if not math.isclose(
        times.real_time_factor, factor, rel_tol=0.001 / test.seconds
    ):  # seconds are rounded to 1 ms
        by = "times.decoding / corpus.splits.test.seconds"
        yield contradiction("times.real_time_factor", times.real_time_factor, factor, by)


def _sessions(sessions: Sequence[Session]) -> Iterator[Finding]:
    moments = [
        (f"sessions.{row}.{name}", moment)
        for row, session in enumerate(sessions)
        for name, moment in (("started", session.started), ("finished", session.finished))
        if moment or row == len(sessions) - 1  # only the last one must have come to its end
    ]
    known = []
    for key, moment in moments:
        try:
            known.append((key, moment, datetime.fromisoformat(moment)))
        except ValueError:
            yield Finding("invalid", key, f'"{moment}"', "", "is no time in ISO 8601")
    aware = [item for item in known if item[2].tzinfo is not None]
    for (_, before, earlier), (key, after, later) in pairwise(aware):
        if later < earlier:
            yield contradiction(key, after, before, "it is earlier than what came before")


def _numerics(record: Record) -> Iterator[Finding]:
    """What took effect is what the recipe asked for, as far as it is the same on every machine."""
    used, asked = record.numerics, record.recipe.numerics.determinism
    if used is None:
        return
    found = used.model_dump(mode="json")
    expected: dict[str, Any] = {
        "determinism": asked,
        "gradient_sum": "int64" if asked == "strict" else "float32",
    }
    if asked == "strict":
        expected |= {"threads": 1, "deterministic_algorithms": True}
        expected["cudnn"] = {"benchmark": False, "deterministic": True}
        expected["float32"] = dict.fromkeys(used.float32, "ieee")
    for key, ours, theirs in differences({key: found[key] for key in expected}, expected, "numerics"):
        yield contradiction(key, ours, theirs, f'what recipe.numerics.determinism = "{asked}" means')


def _way(trail: Sequence[TrailEntry], steps: int) -> Iterator[Finding]:
    if trail[0].step != 0:
        yield contradiction("trail.0.step", trail[0].step, 0, "the trail begins before the first step")
    if trail[-1].step != steps:
        yield contradiction(f"trail.{len(trail) - 1}.step", trail[-1].step, steps, "model.steps")
    before = trail[0].step
    for row, entry in enumerate(trail):
        passed, before = entry.step - before, entry.step
        if row and passed <= 0:
            yield contradiction(
                f"trail.{row}.step", entry.step, trail[row - 1].step, "not after the entry before"
            )
        for name in ("heard", "loss", "gradient"):
            if not _is_hex(text := getattr(entry, name), _DIGITS * max(passed, 0)):
                message = (
                    f"expected {_DIGITS} hexadecimal digits for each of {passed} steps, found {len(text)}"
                )
                yield Finding("invalid", f"trail.{row}.{name}", f'"{text[:64]}"', "", message)
        for name in ("weights", "average", "optimiser", "cursor"):
            if not _is_hex(text := getattr(entry, name), 64):
                yield Finding("invalid", f"trail.{row}.{name}", f'"{text[:64]}"', "", "is no SHA-256")


def _ends(epochs: Sequence[Epoch]) -> list[int]:
    """Steps after which each epoch was over."""
    ends: list[int] = []
    for epoch in epochs:
        ends.append((ends[-1] if ends else 0) + epoch.steps)
    return ends


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and _HEX.fullmatch(text) is not None
