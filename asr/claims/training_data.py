"""Which training utterances two runs do not share, where anything at hand knows the identity of each."""

from asr.corpora.lock import PREFIX, read_lock
from asr.corpora.lock_difference import differences
from asr.corpora.reading import data_file, some
from asr.errors import AsrError
from asr.manifest import read_manifest
from asr.runs.folder import RunFolder
from asr.runs.record import CorpusUsed, Record

Identities = dict[str, dict[str, str]]  # by part of the corpus and id


def name_differing(
    first: Record, first_folder: RunFolder | None, second: Record, second_folder: RunFolder | None
) -> str:
    """What is different in the corpus's training part, in words; "" when nothing is, or nothing can be known.

    Each run's identities are those of its manifests, or those of the project's lock file if it is of that corpus.
    """
    if first.corpus is None or second.corpus is None or first.corpus.identity == second.corpus.identity:
        return ""
    ours, theirs = _identities(first.corpus, first_folder), _identities(second.corpus, second_folder)
    if not ours or not theirs:
        return "which utterances is not known: a record by itself has one digest for all of them"
    parts = []
    for split, found in differences(theirs, ours).items():
        for what, names in (
            ("changed", found.changed),
            ("missing", found.missing),
            ("new", found.additional),
        ):
            if names:
                parts.append(f"{what} in {split}: {some(names)}")
        if found.moved:
            parts.append(f"moved to {split}: {some(list(found.moved))}")
    return "; ".join(parts)


def _identities(corpus: CorpusUsed, folder: RunFolder | None) -> Identities:
    """Empty when nothing at hand has them."""
    return (folder and _of_manifests(folder)) or _of_lock(corpus)


def _of_manifests(folder: RunFolder) -> Identities:
    """By the corpus's own parts: development data were cut out of its training part."""
    found: Identities = {"train": {}, "test": {}}
    try:
        for part in ("train", "dev", "test"):
            into = found["test" if part == "test" else "train"]
            for utterance in read_manifest(folder.manifest(part)):
                into[utterance.id] = utterance.digest[:PREFIX]
    except AsrError:  # a folder that was published without them
        return {}
    return found


def _of_lock(corpus: CorpusUsed) -> Identities:
    """Of the project's lock file, if it is of this very corpus and has identities."""
    try:
        locks = read_lock(data_file(f"{corpus.name}.lock.json")) or {}
    except AsrError:
        return {}
    if {name: lock.digest for name, lock in locks.items()} != corpus.identity:
        return {}
    named = {name: dict(lock.identities) for name, lock in locks.items() if lock.identities is not None}
    return named if len(named) == len(locks) else {}
