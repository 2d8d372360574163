"""A process that torchrun has started and that does not lead: it hears its corpus, and computes its share of each step.

On every machine one process prepares the corpus, as the lead does on its own, from the same `--corpus`, `--cache` or
download. Which utterances are learned from, and in which order, the lead says; a machine where one of them is missing
or other is refused. The functions of the two sides stand side by side, since they have to exchange the same things in
the same order.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

from asr.corpora.prepare import prepare
from asr.corpora.reading import some
from asr.errors import CorpusError, RunError
from asr.manifest import Utterance, read_manifest, table_of, write_manifest
from asr.numerics import choose_device
from asr.recipe import Recipe
from asr.runs.corpus_used import split
from asr.runs.folder import RECORD
from asr.runs.group import Group, device_name
from asr.runs.learning import Beginning, begin
from asr.runs.options import RunOptions
from asr.tokenizer import Tokenizer, tokenizer_from_json
from asr.training.ranks import Ranks
from asr.training.reports import Interrupted
from asr.training.stage import stage
from asr.training.trainer import Trainer


def share_training(group: Group, folder: Path, manifest: Path, settings: str, tokenizer: Tokenizer) -> None:
    """The lead's side: tells what is learned from, once its run folder has the manifest of it.

    Args:
        folder: of the run.
        settings: digest of what the training depends on, as for `Trainer`.
        tokenizer: others may not have what it was made from, a file that the recipe names.
    """
    ranks = group.ranks
    if ranks.size == 1:
        return
    learned = read_manifest(manifest)
    order = digest_of_order(learned)
    ranks.text_from_lead(json.dumps({"settings": settings, "order": order, "tokenizer": tokenizer.to_json()}))
    if _any(ranks, False):  # of another order somewhere, or another corpus: only then are names sent
        ranks.text_from_lead("\n".join(map(_row, learned)))
    with stage(ranks, folder, group.where):
        pass  # the other machines look for these utterances
    ranks.from_all(str(manifest.resolve()))
    with stage(ranks, folder, group.where):
        pass  # the others build what they learn with


def check_lead(group: Group, folder: Path) -> None:
    """The lead's side: is the run that it is to go on with elsewhere?

    Raises:
        RunError: another machine has the run folder, and this one does not.
    """
    elsewhere = [rank for rank, text in enumerate(group.ranks.from_all("")) if text]
    if elsewhere and not (folder / RECORD).exists():
        raise RunError(
            f"{folder}: no run here, on the machine of rank 0, but one on the machine of rank {elsewhere[0]}; start "
            "torchrun with --node-rank 0 on that machine, copy the folder, put --out on a file system that all share, "
            "or start over with another --out"
        )


def follow_group(
    recipe: Recipe,
    options: RunOptions,
    group: Group,
    folder: Path,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """The other side: takes part in a training until it ends.

    Args:
        folder: of the run, as the lead may have it: it is only named here.
        should_stop: also this process may be told to stop, and then all do.

    Raises:
        Interrupted: some process was told to stop.
        AsrError: here or at another rank.
    """
    ranks = group.ranks
    ranks.from_all("run" if group.placement.leads_node and (folder / RECORD).exists() else "")
    if not any(ranks.from_lead([0])):  # the run is complete
        return
    beginning, settings = _begin(recipe, options, group, folder, should_stop)
    trainer = Trainer(
        beginning.model,
        beginning.examples,
        recipe,
        folder,
        evaluate=_never,
        settings=settings,
        workers=options.workers,
        ranks=ranks,
        last_step=options.last_step,
        should_stop=should_stop,
    )
    trainer.train()
    with stage(ranks, folder, group.where):
        pass  # the lead scores: until it has, a failure of it can still be mended by all


def _begin(
    recipe: Recipe, options: RunOptions, group: Group, folder: Path, should_stop: Callable[[], bool]
) -> tuple[Beginning, str]:
    """What is learned with and from, on this machine, and the digest of all that the training depends on."""
    ranks = group.ranks
    with tempfile.TemporaryDirectory(prefix="asr-") as place:
        with stage(ranks, folder, group.where) as is_vain:
            mine = _prepare(recipe, options, group, lambda: should_stop() or is_vain(), folder)
        told = json.loads(ranks.text_from_lead(""))
        other = group.placement.leads_node and digest_of_order(mine) != told["order"]
        rows = ranks.text_from_lead("") if _any(ranks, other) else ""
        manifest = Path(place) / "train.jsonl"
        with stage(ranks, folder, group.where):
            if group.placement.leads_node:
                write_manifest(manifest, in_order(mine, rows.split("\n"), told["order"]) if other else mine)
        paths = ranks.from_all(str(manifest) if group.placement.leads_node else "")
        with stage(ranks, folder, group.where):
            device = choose_device(device_name(group.placement, options.device), recipe.numerics.determinism)
            mine = read_manifest(Path(paths[ranks.rank - group.placement.local_rank]))
            beginning = begin(recipe, mine, device, tokenizer_from_json(told["tokenizer"]))
    return beginning, told["settings"]


def _prepare(
    recipe: Recipe, options: RunOptions, group: Group, should_stop: Callable[[], bool], folder: Path
) -> Sequence[Utterance]:
    """The training part of the corpus as it is on this machine; of one whose first process does so, nothing."""
    if not group.placement.leads_node:
        return []

    def progress(_what: str, _done: int, _total: int) -> None:
        if should_stop():
            raise Interrupted(folder)

    corpus = prepare(
        recipe.corpus.name,
        options.corpus,
        options.cache.expanduser(),
        progress=progress,
        workers=options.workers,
        check=options.check_lock,
        parts=recipe.corpus.parts,
    )
    return split(corpus, recipe)["train"]


def in_order(mine: Sequence[Utterance], rows: Sequence[str], order: str) -> list[Utterance]:
    """This machine's utterances, those that the lead learns from and in its order.

    Args:
        rows: of the lead's utterances, `_row` of each.
        order: the lead's `digest_of_order`.

    Raises:
        CorpusError: they are not the same; names the first ones.
    """
    here = {_row(utterance): utterance for utterance in mine}
    if missing := [json.loads(row.partition("\t")[2]) for row in rows if row not in here]:
        raise CorpusError(
            f"the corpus here is not that of rank 0: {len(missing)} of {len(rows)} training utterances are other or "
            f"missing: {some(missing)}; give all machines the same corpus with --corpus"
        )
    found = [here[row] for row in rows]
    if digest_of_order(found) != order:
        raise CorpusError(
            "the corpus here has the utterances of rank 0 with other durations, places in their files or shards; give "
            "all machines the same copy of it with --corpus"
        )
    return found


def digest_of_order(utterances: Sequence[Utterance]) -> str:
    """All that a training takes from a manifest, in its order, but where the files are."""
    digest = hashlib.sha256()
    for u in utterances:
        digest.update(json.dumps([u.id, u.duration, u.text, u.speaker, u.offset, u.digest]).encode())
    digest.update(np.unique(table_of(utterances).shards, return_inverse=True)[1].astype("<i8").tobytes())
    return digest.hexdigest()


def _row(utterance: Utterance) -> str:
    """An utterance's identity (half of its digest does for that) and name, in one line."""
    return f"{utterance.digest[:32]}\t{json.dumps(utterance.id)}"


def _any(ranks: Ranks, yes: bool) -> bool:
    """Whether one of the ranks says so."""
    votes = torch.tensor([int(yes)])
    ranks.add(votes)
    return bool(votes.any())


def _never(_model: object) -> NoReturn:
    raise AssertionError("only the lead evaluates")
