"""One training of a trial: as `asr run` trains, and nothing after it. It is given train and dev, and no test part."""

import fcntl
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from asr.corpora.prepared import PreparedCorpus
from asr.corpora.pronunciations import pronunciations_of
from asr.manifest import read_manifest
from asr.numerics import choose_device
from asr.recipe import Recipe
from asr.recipe_file import recipe_from_tree
from asr.runs.folder import RunFolder
from asr.runs.greedy import GreedyStage
from asr.runs.learning import begin, begun_with, learned_tokenizer
from asr.training.reports import EpochReport, Watcher
from asr.training.trainer import Trainer
from asr.tuning.record import EpochTried


class Poor(Exception):  # noqa: N818  # nothing went wrong
    """The trial is given up."""


@dataclass(frozen=True)
class Job:
    """What a worker is asked to train; its fields are JSON."""

    trial: int  # its number
    recipe: Mapping[str, Any]  # with the seed
    folder: str  # for checkpoints
    train: str  # manifest
    dev: str  # manifest
    settings: str  # digest of what the training depends on, as of a run of this recipe
    files: Mapping[str, str]  # those that the recipe names: places by name
    pronunciations: str  # the corpus's own; "" for none
    device: str  # auto, cpu, cuda, cuda:N


OnEpoch = Callable[[EpochTried], bool]  # whether to go on


@dataclass(frozen=True)
class Trained:
    """What a training tells besides its epochs."""

    parameters: int
    left_out: int


class _Told(Watcher):
    def __init__(self, on_epoch: OnEpoch) -> None:
        self._on_epoch = on_epoch

    def on_epoch(self, report: EpochReport) -> None:
        # Everything of the epoch is on disk by now.
        if not self._on_epoch(_tried(report.__dict__)):
            raise Poor


def train(
    job: Job,
    on_begin: Callable[[Trained], None],
    on_epoch: OnEpoch,
    should_stop: Callable[[], bool],
) -> None:
    """Goes on from the folder's checkpoint if there is one; tells every epoch, also those of before.

    Raises:
        Poor: `on_epoch` said so.
        Interrupted: `should_stop` said so; a checkpoint is written.
        AsrError: this cannot be learned, or not from these files.
    """
    recipe = recipe_from_tree(dict(job.recipe), "trial")
    folder = RunFolder(Path(job.folder))
    folder.path.mkdir(parents=True, exist_ok=True)
    with (folder.path / ".lock").open("w") as lock:
        # A worker whose lead was killed ends at once, but maybe not before the next one is here.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _train(job, recipe, folder, on_begin, on_epoch, should_stop)


def _train(
    job: Job,
    recipe: Recipe,
    folder: RunFolder,
    on_begin: Callable[[Trained], None],
    on_epoch: OnEpoch,
    should_stop: Callable[[], bool],
) -> None:
    learn, dev = read_manifest(Path(job.train)), read_manifest(Path(job.dev))
    files = {name: Path(place) for name, place in job.files.items()}
    device = choose_device(job.device, recipe.numerics.determinism)
    other = begun_with(recipe, files, device)
    tokenizer = learned_tokenizer(recipe, learn, _pronunciations(recipe, job, files))
    beginning = begin(recipe, learn, device, tokenizer, other)
    size = sum(parameter.numel() for parameter in beginning.model.parameters())
    on_begin(Trained(size, len(beginning.left_out)))
    stage = GreedyStage(folder, recipe, 1, lambda what, done, total: None)
    trainer = Trainer(
        beginning.model,
        beginning.examples,
        _without_leavings(recipe),
        folder.path,
        evaluate=partial(stage.evaluate, tokenizer=tokenizer, dev=dev),
        settings=job.settings,
        workers=1,
        watcher=_Told(on_epoch),
        should_stop=should_stop,
    )
    for epoch in _before(trainer):
        if not on_epoch(epoch):
            raise Poor
    trainer.train()


def _without_leavings(recipe: Recipe) -> Recipe:
    """Checkpoints are for going on alone: none is kept for audits, which changes nothing that is learned."""
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"keep_checkpoints": 0})})


def _before(trainer: Trainer) -> list[EpochTried]:
    """Epochs that an earlier process has gone through: a poor trial is not trained any further for being killed."""
    if not trainer.checkpoint.exists() or not trainer.metrics.exists():
        return []
    lines = trainer.metrics.read_text(encoding="utf-8").splitlines()
    return [_tried(json.loads(line)) for line in lines]


def _tried(report: Mapping[str, Any]) -> EpochTried:
    dev = report["dev"]
    return EpochTried(
        epoch=report["epoch"],
        train_loss=report["train_loss"],
        wer=dev["wer"],
        cer=dev["cer"],
        word_errors=_errors(dev["words"]),
        character_errors=_errors(dev["characters"]),
        best=report["best"],
        seconds=report["seconds"],
    )


def _errors(counts: Mapping[str, int]) -> int:
    return counts["substitutions"] + counts["deletions"] + counts["insertions"]


def _pronunciations(recipe: Recipe, job: Job, files: Mapping[str, Path]) -> Any:
    if recipe.tokenizer.kind != "phones":
        return None
    corpus = PreparedCorpus(
        name=recipe.corpus.name,
        source_name="",
        source_sha256="",
        splits={},
        locks={},
        lock_state="not checked",
        pronunciations=Path(job.pronunciations) if job.pronunciations else None,
    )
    return pronunciations_of(recipe, corpus, files)


def one_thread() -> None:
    """As `asr run` does it before it computes."""
    torch.set_num_threads(1)
