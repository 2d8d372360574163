"""Lock files: what a corpus is, whatever its files are called and in whichever format they lie.

For each split a lock gives the number of utterances, their seconds, the identity over the decoded samples, sample
rate, words and speaker of every utterance (`asr.manifest.identity`), and the beginning of each utterance's own digest
by its id, so that what differs has a name (asr.corpora.lock_difference). It holds no text and no audio.

`data/NAME.lock.json` comes with the project. To write one for a new reader:

    from asr.corpora import prepare, write_lock
    write_lock(prepare("an4", archive, cache, check=False), Path("data/an4.lock.json"))

Any other corpus gets a lock when it is first used (`asr.corpora.prepare.keep_lock`).
"""

import json
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from asr.errors import CorpusError
from asr.files import write_text
from asr.manifest import Utterance, identity

FORMAT = 2
FORMATS = (1, 2)  # that are read; 1 has no identities
MOST_NAMED = (
    20_000  # utterances of a corpus, all splits together, up to which a lock has the identity of each
)
MOST_KNOWN = 10 * MOST_NAMED  # utterances of a split up to which they are known while a corpus is compared
PREFIX = 16  # hexadecimal digits of an utterance's digest
_PREFIX = re.compile(r"[0-9a-f]{16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SplitLock:
    """What one split is."""

    utterances: int
    seconds: float  # rounded to a millisecond
    digest: str  # identity of the utterances, whatever their names
    identities: Mapping[str, str] | None = None  # first 16 hex digits of each digest by id; None: not kept


Locks = Mapping[str, SplitLock]  # by split


def split_lock(utterances: Sequence[Utterance]) -> SplitLock:
    """Of utterances with durations and digests, in any order; they are gone through once."""
    seconds = array("d")
    named: dict[str, str] | None = {} if len(utterances) <= MOST_KNOWN else None

    def digests() -> Iterator[str]:
        for utterance in utterances:
            seconds.append(utterance.duration)
            if named is not None:
                named[utterance.id] = utterance.digest[:PREFIX]
            yield utterance.digest

    digest = identity(digests())
    return SplitLock(len(seconds), round(fsum(seconds), 3), digest, named)


def lock_tree(name: str, locks: Locks) -> dict[str, Any]:
    """The contents of a lock file. Splits and utterances are in order of their names."""
    named = sum(lock.utterances for lock in locks.values()) <= MOST_NAMED
    splits: dict[str, Any] = {}
    for split, lock in sorted(locks.items()):
        splits[split] = {"utterances": lock.utterances, "seconds": lock.seconds, "digest": lock.digest}
        if named and lock.identities is not None:
            splits[split]["identities"] = dict(sorted(lock.identities.items()))
    return {"format": FORMAT, "corpus": name, "splits": splits}


def write_locks(path: Path, name: str, locks: Locks) -> None:
    """Writes a lock file, whole or not at all. A line for each utterance and no indentation: small, and a version
    control system shows which utterances have changed.

    Raises:
        StorageError: it cannot be written.
    """
    write_text(path, json.dumps(lock_tree(name, locks), indent=0, ensure_ascii=False) + "\n")


def read_lock(path: Path) -> dict[str, SplitLock] | None:
    """Split locks by name, or None where there is no such file.

    Raises:
        CorpusError: the file is not a lock file of a format that is known, or contradicts itself.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] not in FORMATS:
            known = " and ".join(map(str, FORMATS))
            raise CorpusError(f"{path}: lock format {tree['format']!r}; this version reads {known}")
        locks = {split: SplitLock(**lock) for split, lock in tree["splits"].items()}
        for split, lock in locks.items():
            _check(split, lock)
        return locks
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: not a lock file ({type(error).__name__}: {error})") from None


def _check(split: str, lock: SplitLock) -> None:
    """Raises ValueError or TypeError."""
    if not _DIGEST.fullmatch(lock.digest):
        raise ValueError(f"{split}: digest must be 64 hexadecimal digits, found {lock.digest!r:.60}")
    if lock.identities is None:
        return
    if bad := [name for name, value in lock.identities.items() if not _PREFIX.fullmatch(value)]:
        raise ValueError(f"{split}: identity of {bad[0]!r} must be {PREFIX} hexadecimal digits")
    if len(lock.identities) != lock.utterances:
        raise ValueError(f"{split}: {lock.utterances} utterances, but identities of {len(lock.identities)}")
