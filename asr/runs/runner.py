"""One session of a run: corpus, training, decoding, score. The record on disk is renewed after each stage."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import torch

from asr.corpora.prepare import prepare
from asr.corpora.prepared import PreparedCorpus, keep_lock
from asr.corpora.pronunciations import pronunciations_of
from asr.errors import AsrError, RunError
from asr.files import sha256_file, write_json, write_text
from asr.manifest import Utterance, write_manifest
from asr.model.acoustic import AcousticModel
from asr.model.bundle import Bundle
from asr.numerics import choose_device
from asr.recipe_file import to_toml
from asr.runs.best import keep_best
from asr.runs.card import write_card
from asr.runs.corpus_used import Parts, describe_corpus, refuse_leaks, settings_digest, split
from asr.runs.environment import peak_memory
from asr.runs.folder import RunFolder
from asr.runs.following import share_training
from asr.runs.greedy import GreedyStage
from asr.runs.group import Group, device_name
from asr.runs.learning import Beginning, begin, begun_with, learned_tokenizer
from asr.runs.named_files import check_files, digests_of, find_files
from asr.runs.options import RunOptions
from asr.runs.processes import several
from asr.runs.record import (
    Epoch,
    Record,
    Times,
    TrailEntry,
    write_record,
)
from asr.runs.search_parts import check_parts
from asr.runs.searching import SearchStage
from asr.runs.session import new_session, now
from asr.runs.taken_over import put_back
from asr.runs.tokenizer_used import TokenizerUsed, describe_tokenizer
from asr.runs.watcher import RunWatcher
from asr.tokenizer import Tokenizer
from asr.training.checkpoint import copy_checkpoint
from asr.training.cursor import Cursor
from asr.training.reports import Interrupted
from asr.training.selection import LeftOut
from asr.training.stage import stage
from asr.training.trainer import Trainer


@dataclass
class Runner:
    """Works on a run until it is complete, or interrupted."""

    folder: RunFolder
    record: Record
    options: RunOptions
    watcher: RunWatcher
    should_stop: Callable[[], bool]
    group: Group = Group()  # noqa: RUF009  # frozen
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self._is_vain: Callable[[], bool] = lambda: False

    def run(self) -> Record:
        """Goes through all stages; what was done before is found in the folder.

        Raises:
            Interrupted: `should_stop` said so.
            AsrError: bad input.
        """
        self._begin_session()
        try:
            with self._stage():
                parts, beginning = self._begin()
            cursor = None if self.record.trained_in else self._learn(beginning, parts["dev"])
            if self.options.start is not None:  # the best weights may be from before it
                raise Interrupted(self.folder.path)
            with self._stage():
                if cursor is None:
                    put_back(self.folder, beginning.model)
                else:
                    made = keep_best(self.folder, self.record, beginning.model, beginning.tokenizer, cursor)
                    self._update(model=made)
                    self._score(beginning.model, beginning.tokenizer, parts)
                self._search(beginning.model, beginning.tokenizer, parts)
                write_card(self.folder, self.record)
        except (Interrupted, KeyboardInterrupt, AsrError):
            self._end_session("interrupted")
            raise
        self._update(files=self.folder.digests(), checkpoints=self.folder.checkpoint_digests())
        self._end_session("complete")
        return self.record

    @contextmanager
    def _stage(self) -> Iterator[None]:
        """Work of the lead, or of one process on each machine, while the others wait."""
        with stage(self.group.ranks, self.folder.path, self.group.where) as self._is_vain:
            yield

    @property
    def _audits(self) -> bool:
        """Whether a part of a training is run again, and nothing after it."""
        return self.options.start is not None or self.options.last_step > 0

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Those that the recipe names; of an audit those that the training needs."""
        return find_files(self.record.recipe, self.options.files, of_training=self._audits)

    @cached_property
    def _digests(self) -> dict[str, str]:
        """Of these files."""
        return digests_of(self._files)

    def _begin(self) -> tuple[Parts, Beginning]:
        whose = f"this run ({self.folder.path})"
        check_files(self._digests, self.record.named_files, whose, "start over with --fresh")
        # Its faults are told before hours of decoding.
        other = begun_with(self.record.recipe, self._files, self.device)
        corpus = self._get_corpus()
        parts = split(corpus, self.record.recipe)
        if self.options.check_leaks and (warning := refuse_leaks(parts, self.record.recipe)):
            self.watcher.on_message(warning)
        return parts, self._build(corpus, parts, other)

    def _progress(self, what: str, done: int, total: int) -> None:
        self.watcher.on_progress(what, done, total)
        # Getting a corpus can take long too, and leaves nothing half-written.
        if self.should_stop() or self._is_vain():
            raise Interrupted(self.folder.path)

    def _update(self, **changes: object) -> None:
        self.record = write_record(self.folder.path, self.record.model_copy(update=changes))

    def _begin_session(self) -> None:
        determinism = self.record.recipe.numerics.determinism
        self.device = choose_device(device_name(self.group.placement, self.options.device), determinism)
        session, environment, numerics, told = new_session(self.record, self.options, self.group, self.device)
        for message in told:
            self.watcher.on_message(message)
        # The record first: it is what makes the folder a run.
        sessions = [*self.record.sessions, session]
        self._update(status="running", environment=environment, numerics=numerics, sessions=sessions)
        if self.options.start is not None:
            write_json(self.folder.audit, {"checkpoint": sha256_file(self.options.start)})
        write_text(self.folder.recipe, to_toml(self.record.recipe))

    def _end_session(self, status: str) -> None:
        ended = {"finished": now(), "peak_memory": peak_memory()}
        last = self.record.sessions[-1].model_copy(update=ended)
        self._update(status=status, sessions=[*self.record.sessions[:-1], last])

    def _get_corpus(self) -> PreparedCorpus:
        options = self.options
        corpus = prepare(
            self.record.recipe.corpus.name,
            options.corpus,
            options.cache.expanduser(),
            progress=self._progress,
            workers=options.workers,
            check=options.check_lock,
            parts=self.record.recipe.corpus.parts,
        )
        if corpus.lock_state == "differs":
            self.watcher.on_message(
                f"corpus {corpus.name}: made here, and not the same bits as those of its lock file (another "
                f"synthesiser or maths library?): {corpus.difference}; the result is not comparable bit by bit, and "
                "the record says so"
            )
        return corpus

    def _build(self, corpus: PreparedCorpus, parts: Parts, other: Bundle | None) -> Beginning:
        """What is learned with and from; the record says what that is, and refuses another corpus than before."""
        recipe = self.record.recipe
        beginning = begin(recipe, parts["train"], self.device, self._tokenizer(corpus, parts), other)
        left_out = [*(LeftOut(item.id, item.reason) for item in corpus.broken), *beginning.left_out]
        for item in left_out:
            self.watcher.on_message(f"left out of training: {item.id}: {item.reason}")
        corpus, locked = keep_lock(corpus)
        if locked:
            self.watcher.on_message(locked)
        used = describe_corpus(corpus, parts, left_out, recipe)
        if self.record.corpus and self.record.corpus.splits != used.splits:
            raise RunError(
                f"{self.folder.path}: this run began with another corpus than {corpus.source_name or corpus.name}; "
                "give it that one, choose another --out, or start over with --fresh"
            )
        if (
            self.record.corpus and self.record.corpus.lock == "written"
        ):  # by an earlier session, as it was then
            used = used.model_copy(update={"lock": "written"})
        for name, utterances in parts.items():
            write_manifest(self.folder.manifest(name), utterances)
        write_json(self.folder.tokenizer, beginning.tokenizer.to_json())
        if not self._audits:
            check_parts(recipe, beginning.tokenizer, parts["train"], self._files)
        made = self._tokenizer_used(beginning.tokenizer)
        self._update(corpus=used, tokenizer=made, initial=beginning.initial, named_files=self._digests)
        return beginning

    def _tokenizer(self, corpus: PreparedCorpus, parts: Parts) -> Tokenizer:
        recipe, pronunciations = self.record.recipe, None
        if recipe.tokenizer.kind == "phones":
            pronunciations = pronunciations_of(recipe, corpus, self._files)
        return learned_tokenizer(recipe, parts["train"], pronunciations)

    def _tokenizer_used(self, tokenizer: Tokenizer) -> TokenizerUsed:
        used = describe_tokenizer(tokenizer)
        if self.record.tokenizer and self.record.tokenizer.digest != used.digest:
            raise RunError(
                f"{self.folder.path}: this run began with another tokenizer (other pronunciations, or another version "
                "of SentencePiece); give it those of before, choose another --out, or start over with --fresh"
            )
        return used

    def _learn(self, beginning: Beginning, dev: Sequence[Utterance]) -> Cursor:
        assert self.record.corpus is not None  # set by _build
        options = self.options
        settings = settings_digest(self.record.recipe, self.record.corpus)
        if (
            options.start is not None and not self.folder.checkpoint.exists()
        ):  # before the followers look for it
            copy_checkpoint(options.start, self.folder.checkpoint)
        share_training(
            self.group, self.folder.path, self.folder.manifest("train"), settings, beginning.tokenizer
        )
        with several(
            options.processes,
            self.folder,
            settings,
            workers=options.workers,
            device=options.device,
            on=self.device,
            last_step=options.last_step,
            should_stop=self.should_stop,
        ) as started:
            trainer = Trainer(
                beginning.model,
                beginning.examples,
                self.record.recipe,
                self.folder.path,
                evaluate=partial(self._greedy.evaluate, tokenizer=beginning.tokenizer, dev=dev),
                settings=settings,
                workers=options.workers,
                ranks=started if self.group.ranks.size == 1 else self.group.ranks,
                last_step=options.last_step,
                watcher=self.watcher,
                should_stop=self.should_stop,
            )
            try:
                return trainer.train()
            finally:
                self._take_down(trainer.cursor)

    def _take_down(self, cursor: Cursor) -> None:
        """Puts the way of the training into the record; of a checkpoint that was refused there is none."""
        if cursor.trail:
            epochs = [Epoch.model_validate_json(json.dumps(epoch)) for epoch in cursor.epochs]
            trail = [TrailEntry.model_validate(entry) for entry in cursor.trail]
            self._update(epochs=epochs, trail=trail)

    def _score(self, model: AcousticModel, tokenizer: Tokenizer, parts: Parts) -> None:
        results, outcomes, seconds = self._greedy.score(model, tokenizer, parts)
        times = Times(
            training=sum(epoch.seconds for epoch in self.record.epochs),
            decoding=seconds,
            real_time_factor=seconds / sum(utterance.duration for utterance in parts["test"]),
        )
        self._update(results=results, outcomes=outcomes, times=times)

    def _search(self, model: AcousticModel, tokenizer: Tokenizer, parts: Parts) -> None:
        """What the recipe's decoder reads, if it is a search."""
        made, recipe = self.record.model, self.record.recipe
        if recipe.decoder.kind == "greedy" or made is None:
            return
        stage = SearchStage(
            self.folder,
            recipe,
            made.weights_digest,
            model,
            tokenizer,
            parts,
            self._files,
            workers=self.options.workers,
            progress=self._progress,
            say=self.watcher.on_message,
        )
        self._update(search=stage.run())

    @property
    def _greedy(self) -> GreedyStage:
        return GreedyStage(self.folder, self.record.recipe, self.options.workers, self._progress)
