"""What is different from a lock file, with the names of the utterances.

What an utterance is called does not matter, nor where it stands: only decoded samples, sample rate, words and speaker
count. So contents are matched first, whatever their ids, and only what no content is found for is matched by id.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from asr.corpora.lock import Locks
from asr.corpora.reading import OtherCorpusError, some

Identities = Mapping[str, str]  # beginning of an utterance's digest, by its id


@dataclass(frozen=True)
class Difference:
    """How one split differs from its lock. Ids are those of the corpus at hand, but for what is missing there."""

    changed: list[str] = field(default_factory=list)  # other samples, words or speaker under the same id
    missing: list[str] = field(default_factory=list)  # of the lock
    additional: list[str] = field(default_factory=list)  # not of the lock
    moved: dict[str, str] = field(default_factory=dict)  # id to the split in which the lock has it

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.additional or self.moved)


def differences(found: Mapping[str, Identities], expected: Mapping[str, Identities]) -> dict[str, Difference]:
    """By split, what is different; splits without a difference are absent.

    An utterance that is only called something else is none. One whose content the lock has in another split has moved;
    it is named in the split in which it is now, and is not missing from the other.
    """
    here = {split: _without(found.get(split, {}), expected.get(split, {})) for split in found}
    there = {split: _without(expected.get(split, {}), found.get(split, {})) for split in expected}
    result = {split: Difference() for split in sorted(here.keys() | there.keys())}
    for split, left in here.items():
        _find_moved(split, left, there, result[split].moved)
    for split in result:
        ours, theirs = here.get(split, {}), there.get(split, {})
        result[split].changed.extend(sorted(ours.keys() & theirs.keys()))
        result[split].missing.extend(sorted(theirs.keys() - ours.keys()))
        result[split].additional.extend(sorted(ours.keys() - theirs.keys()))
    return {split: difference for split, difference in result.items() if difference}


def _without(these: Identities, those: Identities) -> dict[str, str]:
    """What `these` have beyond the contents of `those`, copies counted; of copies, those of the same name go first."""
    left = Counter(those.values())
    remaining = {}
    for name, content in sorted(these.items(), key=lambda item: (those.get(item[0]) != item[1], item)):
        if left[content]:
            left[content] -= 1
        else:
            remaining[name] = content
    return remaining


def _find_moved(
    split: str, ours: dict[str, str], there: dict[str, dict[str, str]], moved: dict[str, str]
) -> None:
    """Takes out of `ours`, and of the other splits in `there`, what has only changed its split."""
    origins = defaultdict(list)
    for other, theirs in sorted(there.items()):
        if other != split:
            for name, content in sorted(theirs.items(), reverse=True):
                origins[content].append((other, name))
    for name, content in sorted(ours.items()):
        if origins[content]:
            other, theirs_name = origins[content].pop()
            del there[other][theirs_name], ours[name]
            moved[name] = other


def describe(found: Locks, expected: Locks) -> str:
    """What differs in words: for each split, the first ten utterances of each kind and their number; "" for nothing."""
    splits = [
        split
        for split in sorted(found.keys() | expected.keys())
        if split not in found or split not in expected or found[split].digest != expected[split].digest
    ]
    if not splits:
        return ""
    ours, theirs = _identities(found), _identities(expected)
    if ours is None or theirs is None:
        unknown = (
            "which utterances cannot be told, as the lock has one digest for all of them; a run on the right corpus "
            "has the digest of each in its manifests/"
        )
        return "; ".join([*(f"{split}: {_digests(found, expected, split)}" for split in splits), unknown])
    named = differences(ours, theirs)
    return "; ".join(f"{split}: {_names(found, expected, split, named)}" for split in splits)


def _identities(locks: Locks) -> dict[str, Identities] | None:
    """None where one split has none."""
    named = {split: lock.identities for split, lock in locks.items() if lock.identities is not None}
    return named if len(named) == len(locks) else None


def _counts(found: Locks, expected: Locks, split: str) -> list[str]:
    ours, theirs = found.get(split), expected.get(split)
    if ours is None or theirs is None:
        return ["the whole part is missing" if ours is None else "no such part in the lock"]
    counts = []
    if ours.utterances != theirs.utterances:
        counts.append(f"{ours.utterances} utterances instead of {theirs.utterances}")
    if abs(ours.seconds - theirs.seconds) > 0.0015:  # both are rounded to a millisecond
        counts.append(f"{ours.seconds:.3f} seconds instead of {theirs.seconds:.3f}")
    return counts


def _digests(found: Locks, expected: Locks, split: str) -> str:
    """Of a split whose utterances cannot be named."""
    counts = ", ".join(_counts(found, expected, split))
    if split not in found or split not in expected:
        return counts
    digests = f"(digest {found[split].digest[:12]} instead of {expected[split].digest[:12]})"
    return f"{counts or 'as many utterances and seconds, but other samples, words or speakers'} {digests}"


def _names(found: Locks, expected: Locks, split: str, named: Mapping[str, Difference]) -> str:
    parts = _counts(found, expected, split)
    difference = named.get(split, Difference())
    for kind, names in (
        ("changed (samples, sample rate, words or speaker)", difference.changed),
        ("missing", difference.missing),
        ("additional", difference.additional),
    ):
        if names:
            parts.append(f"{len(names)} {kind}: {some(names)}")
    for origin in sorted(set(difference.moved.values())):
        names = [name for name, split in difference.moved.items() if split == origin]
        parts.append(f"{len(names)} moved here from {origin}: {some(names)}")
    for target, other in named.items():
        names = [name for name, origin in other.moved.items() if origin == split]
        if names:
            parts.append(f"{len(names)} moved to {target}: {some(names)}")
    if not parts:  # all are there and no others, so one line of the lock says otherwise than the rest
        parts.append(
            "its digest is not that of the utterances that the lock names; was the lock file edited?"
        )
    return ", ".join(parts)


def check_lock(name: str, found: Locks, expected: Locks, lock: str, advice: str) -> None:
    """Compares with a lock.

    Args:
        lock: the lock file, as the user knows it.
        advice: what to do about a difference.

    Raises:
        OtherCorpusError: names every split that differs, and the utterances.
    """
    if difference := describe(found, expected):
        raise OtherCorpusError(f"{name}: not the corpus of {lock}: {difference}. {advice}")
