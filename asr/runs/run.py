"""The end-to-end run: corpus, training, decoding, score, record. Goes on where it was interrupted."""

import json
from collections.abc import Callable
from pathlib import Path

from asr.corpora.prepare import prepare
from asr.corpora.shards import address_of
from asr.decoding.bundled import DECODER
from asr.errors import RunError
from asr.files import sha256_file
from asr.recipe import Recipe
from asr.runs.environment import read_code, read_environment
from asr.runs.folder import RECORD, RunFolder, default_folder, locked
from asr.runs.following import check_lead
from asr.runs.group import Group
from asr.runs.options import RunOptions
from asr.runs.record import FORMAT, Record, read_record
from asr.runs.runner import Runner
from asr.runs.taken_over import LEFT, refuse_another, take_over
from asr.runs.watcher import RunWatcher, TensorBoardWatcher


def run(
    recipe: Recipe,
    options: RunOptions,
    watcher: RunWatcher | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    group: Group = Group(),  # noqa: B008  # frozen
) -> tuple[Path, Record]:
    """Runs a recipe, or goes on with it; a run that is complete is only read.

    Args:
        group: the processes that this one leads, if a launcher has started several.

    Returns:
        The run folder and its record.

    Raises:
        Interrupted: `should_stop` said so; the same call goes on from there.
        AsrError: bad input; what was written stays whole.
    """
    folder = RunFolder(options.out or default_folder(recipe))
    with locked(folder.path):
        check_lead(group, folder.path)
        if options.fresh and (folder.path / RECORD).exists():  # only ever a run; strangers are refused
            folder.empty()
        told = watcher or RunWatcher()
        if options.trained is not None and group.ranks.size > 1:
            raise RunError(
                "--trained: nothing is learned, so one process is enough; start it without torchrun"
            )
        record = _open(folder, recipe, options, told)
        if record.status == "complete":
            group.ranks.from_lead([0])
            _say_that_it_is_done(folder, record, options, told)
        else:
            group.ranks.from_lead([1])
            if options.tensorboard:
                told = TensorBoardWatcher(folder.tensorboard, told)
            record = Runner(folder, record, options, told, should_stop, group).run()
        folder.drop_training()
    return folder.path, record


def _open(folder: RunFolder, recipe: Recipe, options: RunOptions, watcher: RunWatcher) -> Record:
    """The folder's record, or a new one; a new session is not in it yet."""
    if (folder.path / RECORD).exists():
        record = read_record(folder.path)
        _check_audit(folder, options)
        if record.status != "complete" and record.format != FORMAT:
            raise RunError(
                f"{folder.path}: begun by an older version of Attest (record format {record.format}), which this one "
                "cannot go on with; start over with --fresh"
            )
        if options.trained is not None and record.corpus is not None:
            refuse_another(options.trained, folder.path, record)
        if record.recipe_digest == recipe.digest():
            return record
        # Without a corpus nothing was done: a first try that failed must not stand in the way of the mended one.
        if record.corpus is not None:
            return _read_otherwise(folder, record, recipe, watcher)
    elif strangers := _strangers(folder, options):
        raise RunError(
            f"{folder.path}: not empty ({', '.join(strangers[:3])}) and no run; choose another --out"
        )
    if options.trained is not None:
        record = take_over(options.trained, folder, recipe, options.command)
        watcher.on_message(f"{folder.path}: takes over the training of {options.trained}")
        return record
    return Record(
        status="running",
        command=options.command,
        recipe=recipe,
        recipe_digest=recipe.digest(),
        environment=read_environment(),
        sessions=[],
    )


def _strangers(folder: RunFolder, options: RunOptions) -> list[str]:
    """What is in a folder without a record, but for what a take-over that was killed has left of itself."""
    ours = LEFT if options.trained and folder.taking_over.exists() else ()
    return [name for name in folder.strangers() if name not in ours]


def _read_otherwise(folder: RunFolder, record: Record, recipe: Recipe, watcher: RunWatcher) -> Record:
    """A run that is not over may be read by another [decoder]: what it has learned does not depend on it.

    Raises:
        RunError: it is another run, or one whose decoder has been chosen: its test part was read by that one, or is
            about to be.
    """
    with_its_decoder = recipe.model_copy(update={"decoder": record.recipe.decoder})
    if with_its_decoder.digest() != record.recipe_digest:
        raise RunError(
            f"{folder.path}: holds a run of other settings (recipe {record.recipe.name}, seed "
            f"{record.recipe.seed}); choose another folder with --out, or start over with --fresh"
        )
    if record.status == "complete":
        raise RunError(
            f"{folder.path}: complete, and its test part was read with another [decoder]; --trained {folder.path} and "
            "another --out make a run of their own from what it has learned, or start over with --fresh"
        )
    if (folder.bundle / DECODER).exists():  # the last thing that a search leaves before it reads dev and test
        raise RunError(
            f"{folder.path}: its [decoder] has been chosen, and its test part may have been read with it; finish it "
            "with that one (then --trained makes a run of its own from what it has learned), or start over with --fresh"
        )
    watcher.on_message(f"{folder.path}: goes on with another [decoder] than it began with")
    return record.model_copy(update={"recipe": recipe, "recipe_digest": recipe.digest()})


def _check_audit(folder: RunFolder, options: RunOptions) -> None:
    """An audit has not computed what lies before its checkpoint: its folder must not pass for a run."""
    began = (
        json.loads(folder.audit.read_text(encoding="utf-8"))["checkpoint"] if folder.audit.exists() else None
    )
    begins = sha256_file(options.start) if options.start else None
    if began != begins:
        held = (
            f"an audit that began at the checkpoint {began[:12]}…" if began else "a run that began at step 0"
        )
        raise RunError(f"{folder.path}: holds {held}; choose another --out, or start over with --fresh")


def _say_that_it_is_done(folder: RunFolder, record: Record, options: RunOptions, watcher: RunWatcher) -> None:
    """Nobody may take a result of before for one of now.

    Raises:
        RunError: the corpus given is not the one of the run.
    """
    last = record.sessions[-1]
    watcher.on_message(
        f"{folder.path}: complete since {last.finished}, nothing is computed again; --fresh does"
    )
    if read_code().digest != last.code.digest:
        watcher.on_message(f"{folder.path}: computed by other code than this")
    if options.corpus is None or record.corpus is None:
        return
    if address_of(options.corpus):  # shards elsewhere: compared by their index, as a folder's files are
        _check_folder(folder, record, options.corpus, options, watcher)
        return
    if not options.corpus.exists():
        raise RunError(
            f"{options.corpus}: no such file or folder, though {folder.path} is complete without it"
        )
    if options.corpus.is_file() and record.corpus.source_sha256 not in ("", sha256_file(options.corpus)):
        raise RunError(
            f"{folder.path}: is of another archive than {options.corpus} "
            f"(SHA-256 {record.corpus.source_sha256[:12]}…); choose another --out, or start over with --fresh"
        )
    if options.corpus.is_dir():
        _check_folder(folder, record, options.corpus, options, watcher)


def _check_folder(
    folder: RunFolder, record: Record, corpus: Path, options: RunOptions, watcher: RunWatcher
) -> None:
    """Files that did not change since they were decoded are not decoded again."""
    assert record.corpus is not None
    found = prepare(
        record.corpus.name,
        corpus,
        options.cache.expanduser(),
        progress=watcher.on_progress,
        workers=options.workers,
        check=False,
        parts=record.recipe.corpus.parts,
    )
    identity = {name: lock.digest for name, lock in found.locks.items()}
    if identity != record.corpus.identity:
        raise RunError(
            f"{folder.path}: is of another corpus than {corpus}, which decodes to something else; choose another "
            "--out, or start over with --fresh"
        )
