"""Does the record of a study hold: what follows from other parts of it is computed again, draws and prunings included.

Nothing is trained. That an epoch came to what the record says is for `asr run` on the trial's recipe to show.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.metadata import version
from math import isclose
from pathlib import Path
from typing import Any

from asr.claims.findings import (
    Finding,
    NotChecked,
    Report,
    contradiction,
    differences,
    made_check,
    of_seal,
    shown,
)
from asr.errors import AsrError
from asr.files import sha256_file
from asr.recipe_file import load_recipe
from asr.tuning.errors import TuningError
from asr.tuning.folder import BEST
from asr.tuning.importance import importances
from asr.tuning.record import HEARD, RECORD, StudyRecord, Trial, best_of, read_study, read_tree
from asr.tuning.running import at_best, mean, worth
from asr.tuning.search import Study, study_of
from asr.tuning.suggestion import Suggestion, known_to, optuna

CLOSE = 1e-9  # relative: another machine may round otherwise


class _Evidence:
    """The record, and what lies beside it."""

    def __init__(self, path: Path) -> None:
        self.path, self.tree = path, read_tree(path)

    @cached_property
    def record(self) -> StudyRecord:
        try:
            return read_study(self.path)
        except TuningError as error:
            raise NotChecked(str(error)) from None

    @cached_property
    def study(self) -> Study:
        search = self.record.search.model_dump(mode="json")
        try:
            return study_of(self.record.recipe, search, RECORD)
        except AsrError as error:
            raise NotChecked(str(error)) from None

    @cached_property
    def drawn(self) -> list[tuple[Trial, Suggestion]]:
        """Every trial drawn again, from the trials of the record."""
        record = self.record
        try:
            found = optuna().__version__
        except TuningError as error:
            raise NotChecked(str(error)) from None
        if found != record.optuna.version:
            raise NotChecked(f"drawn by Optuna {record.optuna.version}, and here is {found}")
        again = []
        for trial in record.trials:
            past = known_to(trial.number, record.trials, record.search.lag)
            if past is not None:
                again.append((trial, Suggestion(self.study, trial.number, past)))
        return again


def verify_study(path: Path) -> Report:
    """Every check; nothing is written.

    Args:
        path: folder of a study, or its record by itself.

    Raises:
        TuningError: there is no record of a study.
    """
    evidence = _Evidence(path)
    checks = [made_check(name, about, check(evidence)) for name, about, check in CHECKS]
    return Report(path, int(evidence.tree["format"]), "study", tuple(checks))


def _keys(evidence: _Evidence) -> Iterator[Finding]:
    try:
        read_study(evidence.path)
    except TuningError as error:
        yield Finding("invalid", RECORD, shown(None), "", str(error))


def _status(evidence: _Evidence) -> Iterator[Finding]:
    if (status := evidence.record.status) != "complete":
        message = f"is {status}: the command that began it goes on with it"
        yield Finding("incomplete", "status", shown(status), shown("complete"), message)


def _seal(evidence: _Evidence) -> Iterator[Finding]:
    return of_seal(evidence.tree)


def _digests(evidence: _Evidence) -> Iterator[Finding]:
    record, study = evidence.record, evidence.study
    if record.recipe_digest != record.recipe.digest():
        yield contradiction("recipe_digest", record.recipe_digest, record.recipe.digest(), "the recipe has")
    if record.digest != study.digest():
        yield contradiction("digest", record.digest, study.digest(), "recipe and search have")
    for place, trial in enumerate(record.trials):
        try:
            expected = study.recipe_of(trial.values).digest()
        except AsrError:
            expected = ""
        if trial.state != "running" and trial.recipe_digest != expected:
            what = f"trials.{place}.recipe_digest"
            yield contradiction(what, trial.recipe_digest, expected, "the recipe with its values has")


def _heard(evidence: _Evidence) -> Iterator[Finding]:
    record = evidence.record
    if record.heard != [*HEARD]:
        yield contradiction("heard", record.heard, [*HEARD], "a study hears")


def _trials(evidence: _Evidence) -> Iterator[Finding]:
    """What a trial came to follows from its epochs."""
    record = evidence.record
    if len(record.trials) > record.search.trials:
        yield contradiction("trials", len(record.trials), record.search.trials, "the budget is")
    for place, trial in enumerate(record.trials):
        expected: dict[str, Any] = {"number": place + 1, "objective": None, "wer": None, "cer": None}
        if trial.state == "complete":
            best = [at_best(training) for training in trial.trainings]
            expected["objective"] = mean([worth(each, record.search) for each in best])
            expected["wer"] = mean([each.wer for each in best])
            expected["cer"] = mean([each.cer for each in best])
            seeds = [training.seed for training in trial.trainings]
            if seeds != [*record.search.seeds]:
                yield contradiction(
                    f"trials.{place}.trainings", seeds, [*record.search.seeds], "search.seeds is"
                )
        for key, value in expected.items():
            if not _same(getattr(trial, key), value):
                yield contradiction(f"trials.{place}.{key}", getattr(trial, key), value, "its epochs say")
        yield from _epochs(place, trial)


def _epochs(place: int, trial: Trial) -> Iterator[Finding]:
    for number, training in enumerate(trial.trainings):
        fewest: tuple[int, int] | None = None
        for count, epoch in enumerate(training.epochs):
            errors = (epoch.word_errors, epoch.character_errors)
            is_best = fewest is None or errors < fewest
            fewest = errors if is_best else fewest
            where = f"trials.{place}.trainings.{number}.epochs.{count}"
            if epoch.best != is_best:
                yield contradiction(f"{where}.best", epoch.best, is_best, "the errors so far say")
            if epoch.epoch != count + 1:
                yield contradiction(f"{where}.epoch", epoch.epoch, count + 1, "its place says")


def _reports(evidence: _Evidence) -> Iterator[Finding]:
    """What pruning was told follows from the epochs."""
    record = evidence.record
    for place, trial in enumerate(record.trials):
        told = [(report.step, report.value) for report in trial.reports]
        expected = list(_worths(trial, evidence.study)) if trial.trainings else []
        if len(told) != len(expected) or not all(
            a == c and _same(b, d) for (a, b), (c, d) in zip(told, expected, strict=True)
        ):
            yield contradiction(f"trials.{place}.reports", told, expected, "its epochs say")


def _worths(trial: Trial, study: Study) -> Iterator[tuple[int, float]]:
    whole, search = study.recipe_of(trial.values).train.epochs, study.search
    over: list[float] = []
    for number, training in enumerate(trial.trainings):
        for count, epoch in enumerate(training.epochs):
            so_far = training.model_copy(update={"epochs": training.epochs[: count + 1]})
            yield number * whole + epoch.epoch, mean([*over, worth(at_best(so_far), search)])
        if training.epochs:
            over.append(worth(at_best(training), search))


def _draws(evidence: _Evidence) -> Iterator[Finding]:
    for trial, again in evidence.drawn:
        for key, value in again.values.items():
            if not _same(trial.values.get(key), value):
                what = f"trials.{trial.number - 1}.values.{key}"
                yield contradiction(what, trial.values.get(key), value, "drawn again it is")


def _prunings(evidence: _Evidence) -> Iterator[Finding]:
    for trial, again in evidence.drawn:
        last = len(evidence.record.search.seeds) * evidence.record.recipe.train.epochs
        if trial.state in ("complete", "pruned"):
            last = len(evidence.record.search.seeds) * evidence.study.recipe_of(trial.values).train.epochs
        poor = [r.step for r in trial.reports if again.is_poor(r.step, r.value) and r.step < last]
        given_up = [trial.reports[-1].step] if trial.state == "pruned" and trial.reports else []
        if poor[:1] != given_up and trial.state != "running":
            what = f"trials.{trial.number - 1}.state"
            yield contradiction(what, trial.state, poor[:1], "judged again it is given up after these epochs")


def _best(evidence: _Evidence) -> Iterator[Finding]:
    record, best = evidence.record, best_of(evidence.record.trials)
    found = record.best.trial if record.best else None
    if found != (best.number if best else None):
        yield contradiction("best.trial", found, best.number if best else None, "the trials say")
    elif best and record.best:
        for key in ("objective", "wer", "cer", "values"):
            if getattr(record.best, key) != getattr(best, key):
                yield contradiction(
                    f"best.{key}", getattr(record.best, key), getattr(best, key), "the trial has"
                )


def _importances(evidence: _Evidence) -> Iterator[Finding]:
    record = evidence.record
    _ = evidence.drawn  # says where Optuna is another one
    if record.importances and record.importances.scikit_learn != version("scikit-learn"):
        raise NotChecked(
            f"by scikit-learn {record.importances.scikit_learn}, and here is {version('scikit-learn')}"
        )
    again = importances(evidence.study, record.trials)
    said = record.importances.model_dump(mode="json") if record.importances else None
    for key, ours, theirs in differences(
        said, again.model_dump(mode="json") if again else None, "importances"
    ):
        if not (isinstance(ours, float) and isinstance(theirs, float) and abs(ours - theirs) < 1e-5):
            yield contradiction(key, ours, theirs, "computed again it is")


def _files(evidence: _Evidence) -> Iterator[Finding]:
    record = evidence.record
    if not evidence.path.is_dir():
        raise NotChecked("a record by itself")
    listed = record.files
    if listed.keys() != ({BEST} if record.best else set()):
        yield contradiction("files", sorted(listed), [BEST] if record.best else [], "there should be")
        return
    for name, digest in listed.items():
        path = evidence.path / name
        if not path.is_file():
            yield Finding("missing", name, "nothing", shown(digest), "is not there")
        elif (found := sha256_file(path)) != digest:
            yield Finding("altered", name, shown(found), shown(digest), "is not the file of the record")
        elif record.best and load_recipe(path).digest() != record.best.recipe_digest:
            yield contradiction(name, load_recipe(path).digest(), record.best.recipe_digest, "best has")


def _same(found: Any, expected: Any) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        return isclose(found, expected, rel_tol=CLOSE, abs_tol=1e-12)
    return bool(found == expected)


CHECKS: tuple[tuple[str, str, Callable[[_Evidence], Iterator[Finding]]], ...] = (
    ("keys", "every key is there, with a possible value", _keys),
    ("status", "the study is complete", _status),
    ("seal", "each part of the record has its digest", _seal),
    ("digests", "recipes have their digests", _digests),
    ("heard", "the test part was not heard", _heard),
    ("trials", "what they came to follows from their epochs", _trials),
    ("reports", "what pruning was told follows from them, too", _reports),
    ("draws", "drawn again, trials have the same values", _draws),
    ("prunings", "judged again, the same trials are given up", _prunings),
    ("best", "it is the best of the trials", _best),
    ("importances", "computed again, they are the same", _importances),
    ("files", "best.toml has its SHA-256, and is the best recipe", _files),
)
