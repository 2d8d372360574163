"""Runs a record again, all of it or some steps, and says whether its result holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from asr.claims.causes import causes
from asr.claims.compare import other_search_transcripts, other_transcripts
from asr.claims.given import Given
from asr.claims.reproduction import Reproduction
from asr.claims.training_data import name_differing
from asr.claims.verdict import Scope, judge
from asr.errors import RunError, TrainingError
from asr.files import write_json
from asr.model.bundle import weights_digest
from asr.recipe import Recipe
from asr.recipe_file import changed
from asr.runs.environment import read_code, read_environment
from asr.runs.folder import RECORD, RunFolder
from asr.runs.named_files import check_files, digests_of, find_files
from asr.runs.options import RunOptions
from asr.runs.record import Record, TrailEntry, read_record
from asr.runs.run import run
from asr.runs.seal import canonical_digest
from asr.runs.watcher import RunWatcher
from asr.training.checkpoint import kept_steps, read_cursor, read_tensors
from asr.training.cursor import Cursor
from asr.training.reports import EpochReport, Interrupted, StepReport
from asr.training.trail import place_digest

VERDICT = "verdict.json"


def reproduce(
    given: Given,
    options: RunOptions,
    *,
    changes: Sequence[str] = (),
    scope: Scope = Scope(),  # noqa: B008  # frozen
    checkpoint: Path | None = None,
    watcher: RunWatcher | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Reproduction:
    """Runs a record again in a folder of its own and judges the result. Called again, it goes on where it stopped.

    Args:
        options: corpus, cache, workers, device as for a run; `out` is named after record, changes and steps if None.
        changes: `KEY=VALUE` of the recipe, to see what one of them does.
        scope: steps to run; they begin at the last checkpoint at or before `scope.first` that is at hand.
        checkpoint: of the record, at or before `scope.first`; None looks in the record's run folder.

    Raises:
        Interrupted: `should_stop` said so; the same call goes on from there.
        AsrError: the record, corpus or checkpoint cannot be used.
    """
    record = given.record
    recipe = reproducible(record, changes)
    scope, start = _start(given, recipe, scope, checkpoint)
    _check_files(given, recipe, options, scope)
    folder = options.out or _folder(record, recipe, scope, options)
    if _holds(folder, record):
        raise RunError(
            f"{folder}: holds the run that is to be reproduced, or a copy of it; choose another --out"
        )
    settings = replace(
        options,
        out=folder,
        last_step=scope.last,
        start=start,
        check_leaks=options.check_leaks and record.format > 1,  # before, nobody could waive anything
    )
    if not options.fresh and _steps_done(folder):
        _check_layout(folder, options, scope)
    counter = _Counter(watcher or RunWatcher())
    found = _run(recipe, settings, counter, should_stop)
    result = _judged(given, folder, found, scope, tuple(changes), counter.steps)
    write_json(folder / VERDICT, result.to_json())
    return result


class _Counter(RunWatcher):
    """Counts the steps that are computed, and tells another watcher everything."""

    def __init__(self, watcher: RunWatcher) -> None:
        self.steps, self._watcher = 0, watcher

    def on_step(self, report: StepReport) -> None:
        self.steps += report.taken
        self._watcher.on_step(report)

    def on_epoch(self, report: EpochReport) -> None:
        self._watcher.on_epoch(report)

    def on_progress(self, what: str, done: int, total: int) -> None:
        self._watcher.on_progress(what, done, total)

    def on_message(self, text: str) -> None:
        self._watcher.on_message(text)


def _run(
    recipe: Recipe, settings: RunOptions, watcher: RunWatcher, should_stop: Callable[[], bool]
) -> Record:
    """The record of the new run, also of one that ends with the last step of an audit."""
    stopped = [False]

    def ask() -> bool:
        stopped[0] = stopped[0] or should_stop()
        return stopped[0]

    try:
        return run(recipe, settings, watcher, ask)[1]
    except Interrupted as interrupted:
        if stopped[0] or not settings.last_step:
            raise
        return read_record(interrupted.folder)


def _judged(
    given: Given, folder: Path, found: Record, scope: Scope, changes: tuple[str, ...], computed: int
) -> Reproduction:
    verdict = judge(given.record, found, scope)
    place = verdict.parting.place if verdict.parting else None
    named = name_differing(given.record, given.folder, found, RunFolder(folder))
    why = causes(given.record, found, place, named)
    other = other_transcripts(given.record, found)
    searched = other_search_transcripts(given.record, found)
    return Reproduction(given, folder, found, verdict, why, other, searched, changes, computed)


def _check_files(given: Given, recipe: Recipe, options: RunOptions, scope: Scope) -> None:
    """Raises AsrError where a file that the recipe names is not here, or not the one of the record."""
    found = digests_of(find_files(recipe, options.files, of_training=not scope.whole))
    way_out = "give the folder of the record's with --files"
    check_files(found, given.record.named_files, f"the record {given.path}", way_out)


def _check_layout(folder: Path, options: RunOptions, scope: Scope) -> None:
    """Raises RunError when nothing is left to compute, and it was computed by another layout than is asked for."""
    there = read_record(folder)
    done = there.status == "complete" or 0 < scope.last <= _steps_done(folder)
    last = there.sessions[-1]
    if done and (last.workers, last.processes) != (options.workers, options.processes):
        raise RunError(
            f"{folder}: was computed by {last.processes} processes of {last.workers} workers, and nothing is left to "
            "compute; choose another --out, or start over with --fresh"
        )


def _holds(folder: Path, record: Record) -> bool:
    """Whether the run there is the one of the record, and not another one of the same recipe."""
    if not (folder / RECORD).exists():
        return False
    there = read_record(folder)
    return bool(there.sessions) and there.sessions[0] == record.sessions[0]


def _steps_done(folder: Path) -> int:
    """Of a run that may not be there yet."""
    if not (folder / RECORD).exists():
        return 0
    trail = read_record(folder).trail
    return trail[-1].step if trail else 0


def reproducible(record: Record, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a record, perhaps with changes.

    Raises:
        RunError: nothing was trained, so there is nothing to reproduce.
    """
    if record.corpus is None or (not record.trail and not record.epochs):
        raise RunError("this record tells of no training; there is nothing to reproduce")
    return changed(record.recipe, changes) if changes else record.recipe


def _folder(record: Record, recipe: Recipe, scope: Scope, options: RunOptions) -> Path:
    """The same for the same command on the same machine and code, so that it goes on; anything else begins anew."""
    environment = read_environment()
    layout = {
        "record": [record.recipe_digest, record.model.weights_digest if record.model else ""],
        "recipe": recipe.digest(),
        "scope": str(scope),
        "corpus": [str(options.corpus and options.corpus.resolve()), options.check_lock],
        "layout": [options.workers, options.processes, options.device],
        "code": read_code().digest,
        "machine": [environment.processor, environment.instructions, environment.packages],
    }
    steps = "" if scope.whole else f"-steps{scope.first}-{scope.last}"
    return Path("runs") / f"reproduce-{recipe.name}-s{recipe.seed}{steps}-{canonical_digest(layout)[:8]}"


def _start(given: Given, recipe: Recipe, scope: Scope, checkpoint: Path | None) -> tuple[Scope, Path | None]:
    """Where to begin: steps from `scope.first` on need a checkpoint of the record at or before it, else all are run."""
    record = given.record
    total = record.model.steps if record.model else (record.trail[-1].step if record.trail else 0)
    if scope.last > total or scope.first >= scope.last > 0:
        raise RunError(
            f"--steps {scope.first}:{scope.last}: expected FIRST:LAST with 0 <= FIRST < LAST <= {total}, the steps "
            "of this record"
        )
    _check_scope(given, scope, checkpoint)
    if scope.first == 0:
        return (Scope() if scope.last == total else scope), None
    if recipe != record.recipe:
        raise RunError("--steps from a checkpoint cannot change the recipe; begin at step 0")
    found = checkpoint or _nearest(given, scope.first)
    if found is None:
        raise RunError(
            f"{given.path}: no checkpoint at or before step {scope.first} is at hand; give the run folder with its "
            f"checkpoints/, name one with --checkpoint, or begin at 0: --steps 0:{scope.last}"
        )
    step = _check_state(found, record)
    if step > scope.first:
        raise RunError(
            f"{found}: is of step {step}, after step {scope.first}; begin there, or name an earlier one"
        )
    return Scope(step, scope.last), found


def _check_scope(given: Given, scope: Scope, checkpoint: Path | None) -> None:
    """What could come to nothing is said before the first step."""
    record = given.record
    if checkpoint is not None and scope.first == 0:
        raise RunError("--checkpoint goes with --steps FIRST:LAST, where FIRST is its step or a later one")
    if scope.whole and (record.status != "complete" or "test" not in record.results):
        raise RunError(
            f"{given.path}: this run is {record.status} and has no result to reproduce; --steps 0:N audits its training"
        )
    if scope.last and not record.trail and scope.last < record.epochs[0].steps:
        raise RunError(
            f"{given.path}: a record of format {record.format} has no trail, and tells of whole epochs; the first "
            f"one is --steps 0:{record.epochs[0].steps}"
        )


def _nearest(given: Given, step: int) -> Path | None:
    kept = kept_steps(given.path) if given.path.is_dir() else {}
    before = [at for at in kept if at <= step]
    return kept[max(before)] if before else None


def _check_state(checkpoint: Path, record: Record) -> int:
    """The step of a checkpoint whose state is the one of the record's trail.

    Raises:
        RunError: it is another one, so an audit that begins there would prove nothing.
    """
    strange = RunError(
        f"{checkpoint}: its weights and optimiser are not those that the record has at any step of its trail, or its "
        "cursor is not; it is of another run, or altered"
    )
    tensors, notes = read_tensors(checkpoint)
    try:
        cursor = read_cursor(checkpoint, notes)
    except TrainingError:
        raise strange from None
    digests = {}
    for kind in ("weights", "average", "optimiser"):
        named = {name: value for name, value in tensors.items() if name.startswith(f"{kind}.")}
        digests[kind] = weights_digest(
            {name.removeprefix(f"{kind}."): value for name, value in named.items()}
        )
    way = [entry for entry in record.trail if entry.step <= cursor.total_steps]
    at = way[-1] if way else None
    if at is None or at.step != cursor.total_steps or not _same_place(cursor, at, record):
        raise strange
    if any(getattr(at, kind) != digest for kind, digest in digests.items()):
        raise strange
    if cursor.trail != [entry.model_dump() for entry in way]:
        raise strange
    return cursor.total_steps


def _same_place(cursor: Cursor, at: TrailEntry, record: Record) -> bool:
    """The trail's entry at the end of an epoch is from before its evaluation, a checkpoint there from after it."""
    if place_digest(cursor) == at.cursor:
        return True
    epochs = [epoch.model_dump(mode="json") for epoch in record.epochs[: cursor.epoch]]
    steps = sum(epoch.steps for epoch in record.epochs[: cursor.epoch])
    return cursor.step == 0 and steps == cursor.total_steps and cursor.epochs == epochs
