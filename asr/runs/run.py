"""The end-to-end run: corpus, training, decoding, score, record. Goes on where it was interrupted."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asr.corpora.prepare import prepare
from asr.errors import AsrError, RunError
from asr.evaluation.decode import decode
from asr.evaluation.hypotheses import Hypothesis, score_hypotheses, write_hypotheses
from asr.files import write_text
from asr.manifest import Utterance, write_manifest
from asr.model.acoustic import AcousticModel, new_model
from asr.model.bundle import save_bundle, weights_digest
from asr.numerics import choose_device
from asr.recipe import Recipe
from asr.recipe_file import to_toml
from asr.runs.corpus_used import Parts, describe_corpus, settings_digest, split
from asr.runs.environment import describe_device, peak_memory, read_code, read_environment
from asr.runs.folder import RECORD, RunFolder, default_folder, locked
from asr.runs.options import RunOptions
from asr.runs.record import (
    Epoch,
    ModelMade,
    Record,
    Result,
    Session,
    Times,
    TokenizerUsed,
    read_record,
    write_record,
)
from asr.runs.watcher import RunWatcher, TensorBoardWatcher
from asr.scoring import Score
from asr.text import normalise
from asr.tokenizer import Tokenizer, build_tokenizer
from asr.training.checkpoint import read_tensors
from asr.training.selection import select
from asr.training.trainer import Cursor, Interrupted, Trainer


def run(
    recipe: Recipe,
    options: RunOptions,
    watcher: RunWatcher | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Path, Record]:
    """Runs a recipe, or goes on with it; a run that is complete is only read.

    Returns:
        The run folder and its record.

    Raises:
        Interrupted: `should_stop` said so; the same call goes on from there.
        AsrError: bad input; what was written stays whole.
    """
    folder = RunFolder(options.out or default_folder(recipe))
    with locked(folder.path):
        if options.fresh and (folder.path / RECORD).exists():  # only ever a run; strangers are refused
            folder.empty()
        record = _open(folder, recipe, options)
        if record.status != "complete":
            told = watcher or RunWatcher()
            if options.tensorboard:
                told = TensorBoardWatcher(folder.tensorboard, told)
            record = _Runner(folder, record, options, told, should_stop).run()
        folder.drop_training()
    return folder.path, record


def _open(folder: RunFolder, recipe: Recipe, options: RunOptions) -> Record:
    """The folder's record, or a new one; a new session is not in it yet."""
    if (folder.path / RECORD).exists():
        record = read_record(folder.path)
        if record.recipe_digest != recipe.digest():
            raise RunError(
                f"{folder.path}: holds a run of other settings (recipe {record.recipe.name}, seed "
                f"{record.recipe.seed}); choose another folder with --out, or start over with --fresh"
            )
        return record
    strangers = folder.strangers()
    if strangers:
        raise RunError(
            f"{folder.path}: not empty ({', '.join(strangers[:3])}) and no run; choose another --out"
        )
    return Record(
        status="running",
        command=options.command,
        recipe=recipe,
        recipe_digest=recipe.digest(),
        environment=read_environment(),
        sessions=[],
    )


@dataclass
class _Runner:
    """One session of a run. Each method is a stage; the record on disk is renewed after each."""

    folder: RunFolder
    record: Record
    options: RunOptions
    watcher: RunWatcher
    should_stop: Callable[[], bool]

    def run(self) -> Record:
        self._begin_session()
        try:
            parts, model, tokenizer, cursor = self._train(self.record.recipe)
            model = self._keep_best(model, tokenizer, cursor)
            self._score(model, tokenizer, parts)
        except (Interrupted, KeyboardInterrupt, AsrError):
            self._end_session("interrupted")
            raise
        self._finish()
        return self.record

    def _progress(self, what: str, done: int, total: int) -> None:
        self.watcher.on_progress(what, done, total)
        if self.should_stop():  # getting a corpus can take long too, and leaves nothing half-written
            raise Interrupted(self.folder.path)

    def _update(self, **changes: object) -> None:
        self.record = self.record.model_copy(update=changes)
        write_record(self.folder.path, self.record)

    def _begin_session(self) -> None:
        self.device = choose_device(self.options.device)
        code = read_code()
        if self.record.sessions and code.digest != self.record.sessions[-1].code.digest:
            self.watcher.on_message(
                f"{self.folder.path}: the code has changed since this run began; the record will say so"
            )
        session = Session(
            started=_now(),
            finished="",
            workers=self.options.workers,
            device=describe_device(self.device),
            code=code,
            peak_memory=0,
        )
        # The record first: it is what makes the folder a run.
        self._update(
            status="running", environment=read_environment(), sessions=[*self.record.sessions, session]
        )
        write_text(self.folder.recipe, to_toml(self.record.recipe))

    def _end_session(self, status: str) -> None:
        ended = {"finished": _now(), "peak_memory": peak_memory()}
        last = self.record.sessions[-1].model_copy(update=ended)
        self._update(status=status, sessions=[*self.record.sessions[:-1], last])

    def _train(self, recipe: Recipe) -> tuple[Parts, AcousticModel, Tokenizer, Cursor]:
        options = self.options
        corpus = prepare(
            recipe.corpus.name,
            options.corpus,
            options.cache.expanduser(),
            progress=self._progress,
            workers=options.workers,
            check=options.check_lock,
        )
        if corpus.lock_state == "differs":
            self.watcher.on_message(
                f"corpus {corpus.name}: made here, and not the same bits as those of its lock file (another "
                "synthesiser or maths library?); the result is not comparable bit by bit, and the record says so"
            )
        parts = split(corpus, recipe)
        tokenizer = build_tokenizer(
            recipe.tokenizer, [normalise(utterance.text, recipe.text) for utterance in parts["train"]]
        )
        model = new_model(recipe.front_end, recipe.model, tokenizer.size, recipe.seed).to(self.device)
        examples, left_out = select(parts["train"], tokenizer, model, recipe)
        for item in left_out:
            self.watcher.on_message(f"left out of training: {item.id}: {item.reason}")
        used = describe_corpus(corpus, parts, left_out)
        if self.record.corpus and self.record.corpus.splits != used.splits:
            raise RunError(
                f"{self.folder.path}: this run began with another corpus than {corpus.source_name or corpus.name}; "
                "give it that one, choose another --out, or start over with --fresh"
            )
        for name, utterances in parts.items():
            write_manifest(self.folder.manifest(name), utterances)
        made = TokenizerUsed(kind=recipe.tokenizer.kind, size=tokenizer.size, digest=tokenizer.digest())
        self._update(corpus=used, tokenizer=made)

        trainer = Trainer(
            model,
            examples,
            recipe,
            self.folder.path,
            evaluate=lambda averaged: self._decode(averaged, tokenizer, parts["dev"])[1],
            settings=settings_digest(recipe, used),
            workers=options.workers,
            watcher=self.watcher,
            should_stop=self.should_stop,
        )
        try:
            return parts, model, tokenizer, trainer.train()
        finally:
            self._update(epochs=_epochs(trainer.cursor))

    def _keep_best(self, model: AcousticModel, tokenizer: Tokenizer, cursor: Cursor) -> AcousticModel:
        """Puts the best averaged weights into the model and writes the bundle."""
        recipe = self.record.recipe
        weights, _ = read_tensors(self.folder.path / "best.safetensors")
        model.load_state_dict({name: value.to(self.device) for name, value in weights.items()})
        model.eval()
        save_bundle(
            self.folder.bundle,
            model,
            tokenizer,
            name=recipe.name,
            text=recipe.text,
            recipe_digest=self.record.recipe_digest,
        )
        made = ModelMade(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            weights_digest=weights_digest(model.state_dict()),
            best_epoch=cursor.best_epoch + 1,
            steps=cursor.total_steps,
        )
        self._update(model=made)
        return model

    def _score(self, model: AcousticModel, tokenizer: Tokenizer, parts: Parts) -> None:
        """The test part is read here, once, after everything has been decided."""
        results = {}
        started = 0.0
        for name in ("dev", "test"):
            started = time.monotonic()
            hypotheses, score = self._decode(model, tokenizer, parts[name], f"decoding {name}")
            write_hypotheses(self.folder.hypotheses(name), hypotheses)
            results[name] = Result.model_validate_json(json.dumps(score.to_json()))
        decoding = time.monotonic() - started
        times = Times(
            training=sum(epoch.seconds for epoch in self.record.epochs),
            decoding=decoding,
            real_time_factor=decoding / sum(utterance.duration for utterance in parts["test"]),
        )
        self._update(results=results, times=times)

    def _decode(
        self, model: AcousticModel, tokenizer: Tokenizer, utterances: Sequence[Utterance], what: str = ""
    ) -> tuple[list[Hypothesis], Score]:
        recipe = self.record.recipe
        texts = decode(
            model,
            tokenizer,
            utterances,
            recipe.score,
            workers=self.options.workers,
            progress=lambda done, total: self._progress(what, done, total) if what else None,
        )
        hypotheses = [
            Hypothesis(u.id, u.speaker, normalise(u.text, recipe.text), text)
            for u, text in zip(utterances, texts, strict=True)
        ]
        return hypotheses, score_hypotheses(hypotheses, recipe.score.bootstrap)

    def _finish(self) -> None:
        self._update(files=self.folder.digests())
        self._end_session("complete")


def _epochs(cursor: Cursor) -> list[Epoch]:
    return [Epoch.model_validate_json(json.dumps(epoch)) for epoch in cursor.epochs]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
