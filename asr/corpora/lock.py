"""Lock files: what a corpus is, whatever its files are called and in whichever format they lie.

`data/NAME.lock.json` gives, for each split, the number of utterances, their seconds, and the identity over
the decoded samples, sample rate, words and speaker of every utterance (`asr.manifest.identity`). To write one
for a new reader:

    from asr.corpora import prepare, write_lock
    write_lock(prepare("an4", archive, cache, check=False), Path("data/an4.lock.json"))
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from asr.corpora.reading import OtherCorpusError
from asr.errors import CorpusError
from asr.manifest import Utterance, identity

FORMAT = 1


@dataclass(frozen=True)
class SplitLock:
    """What one split is."""

    utterances: int
    seconds: float  # rounded to a millisecond
    digest: str  # identity of the utterances


def split_lock(utterances: Sequence[Utterance]) -> SplitLock:
    """Of utterances with durations and digests, in any order."""
    return SplitLock(
        utterances=len(utterances),
        seconds=round(fsum(utterance.duration for utterance in utterances), 3),
        digest=identity(utterance.digest for utterance in utterances),
    )


def read_lock(path: Path) -> dict[str, SplitLock] | None:
    """Split locks by name, or None where there is no such file.

    Raises:
        CorpusError: the file is not a lock file of this format.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] != FORMAT:
            raise CorpusError(f"{path}: lock format {tree['format']!r}; this version reads {FORMAT}")
        return {split: SplitLock(**lock) for split, lock in tree["splits"].items()}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: not a lock file ({type(error).__name__}: {error})") from None


def check_lock(name: str, found: dict[str, SplitLock], expected: dict[str, SplitLock], path: Path) -> None:
    """Raises OtherCorpusError naming every split that differs and in what."""
    complaints = []
    for split in sorted(found.keys() | expected.keys()):
        ours, theirs = found.get(split), expected.get(split)
        if ours is None or theirs is None:
            complaints.append(f"{split}: {'missing' if ours is None else 'not in the lock'}")
        elif ours.digest != theirs.digest:
            complaints.append(f"{split}: {_difference(ours, theirs)}")
    if complaints:
        raise OtherCorpusError(
            f"{name}: not the corpus of {path.name}: {'; '.join(complaints)}. Fetch the original again; or use "
            f"this one with --any-corpus, but results on another corpus are not comparable"
        )


def _difference(ours: SplitLock, theirs: SplitLock) -> str:
    parts = []
    if ours.utterances != theirs.utterances:
        parts.append(f"{ours.utterances} utterances instead of {theirs.utterances}")
    if abs(ours.seconds - theirs.seconds) > 0.0015:  # both are rounded to a millisecond
        parts.append(f"{ours.seconds:.3f} seconds instead of {theirs.seconds:.3f}")
    if not parts:
        parts.append("as many utterances and seconds, but other samples, words or speakers")
    return f"{', '.join(parts)} (digest {ours.digest[:12]} instead of {theirs.digest[:12]})"
