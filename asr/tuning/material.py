"""What all trials of a study learn from: the corpus, prepared once, of which they get train and dev."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asr.corpora.prepare import prepare
from asr.corpora.prepared import keep_lock
from asr.files import write_json
from asr.manifest import manifest_digest, read_manifest, write_manifest
from asr.recipe import Recipe
from asr.runs.corpus_used import describe_corpus, refuse_leaks, split
from asr.runs.record import CorpusUsed
from asr.training.selection import LeftOut
from asr.tuning.errors import TuningError
from asr.tuning.folder import StudyFolder
from asr.tuning.record import HEARD


@dataclass(frozen=True)
class Material:
    """Where it is, and what it is."""

    corpus: CorpusUsed
    pronunciations: str  # the corpus's own; "" for none


def prepare_material(
    folder: StudyFolder,
    recipe: Recipe,
    source: Path | None,
    cache: Path,
    *,
    check: bool,
    workers: int,
    progress: Callable[[str, int, int], None],
    say: Callable[[str], None],
) -> Material:
    """Prepares the corpus as a run does, and leaves manifests of train and dev: trials never see where test is.

    Raises:
        CorpusError: as a run.
    """
    corpus = prepare(
        recipe.corpus.name,
        source,
        cache.expanduser(),
        progress=progress,
        workers=workers,
        check=check,
        parts=recipe.corpus.parts,
    )
    if corpus.lock_state == "differs":
        say(
            f"corpus {corpus.name}: made here, and not the same bits as those of its lock file: {corpus.difference}; "
            "the record says so"
        )
    parts = split(corpus, recipe)
    if warning := refuse_leaks(parts, recipe):
        say(warning)
    corpus, locked = keep_lock(corpus)
    if locked:
        say(locked)
    broken = [LeftOut(item.id, item.reason) for item in corpus.broken]
    for item in broken:
        say(f"left out of training: {item.id}: {item.reason}")
    for part in HEARD:
        write_manifest(folder.manifest(part), parts[part])
    own = str(corpus.pronunciations.resolve()) if corpus.pronunciations else ""
    write_json(folder.plan, {"pronunciations": own})
    return Material(describe_corpus(corpus, parts, broken, recipe), own)


def kept_material(folder: StudyFolder, corpus: CorpusUsed) -> Material:
    """What an earlier session has prepared.

    Raises:
        TuningError: it is not that any more.
    """
    for part in HEARD:
        path = folder.manifest(part)
        if not path.is_file() or manifest_digest(read_manifest(path)) != corpus.splits[part].manifest:
            raise TuningError(f"{path}: is not what this study began with; start over with --fresh")
    try:
        own = str(json.loads(folder.plan.read_text(encoding="utf-8"))["pronunciations"])
    except (OSError, ValueError, KeyError, TypeError):
        raise TuningError(f"{folder.plan}: cannot be read; start over with --fresh") from None
    return Material(corpus, own)
