"""Decoding everything in a corpus once: its length, its digest, and whether it is whole."""

import hashlib
from collections.abc import Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asr.corpora.known_files import Decoded, Journal, recall, remember
from asr.corpora.reading import Progress, Splits, some
from asr.errors import AudioError, CorpusError
from asr.manifest import Utterance, audio_digest, digest_of, table_of
from asr.randomness import keyed_seeds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TOGETHER = 1 << 12  # stretches that wait for a worker at a time
TOLERANCE = 0.1  # seconds by which a file may end before its utterance does: durations are often rounded


@dataclass(frozen=True)
class BrokenFile:
    """A training utterance that is left out, as its audio does not decode from end to end."""

    id: str
    split: str  # where it would be: "train"
    reason: str  # names files by their place in the corpus: fit for a record


class _Stretch(NamedTuple):
    """A file, or a part of it."""

    path: str
    offset: float  # seconds
    duration: float  # seconds; 0 is up to the end

    @property
    def key(self) -> str:
        return self.path if not any(self[1:]) else f"{self.path} {self.offset!r}+{self.duration!r}"


_Results = dict[str, Decoded | str]  # by a stretch's key: what it holds, or what is wrong with it


def decode_all(
    name: str,
    folder: Path,
    splits: Splits,
    known: Path,
    progress: Progress,
    workers: int,
    *,
    leave_out: bool = False,
) -> tuple[Splits, tuple[BrokenFile, ...]]:
    """Fills in `duration` and the digests. Files that did not change since the last time are not decoded again.

    An utterance of duration 0 reaches to the end of its file; any other is the part that it says.

    Args:
        known: folder that keeps a list of decoded files for each corpus folder.
        leave_out: training utterances whose audio is broken are absent from the result and listed beside it;
            otherwise they are an error.

    Raises:
        CorpusError: names every file that cannot be decoded whole (ten of them and the count), empty splits,
            and ids that occur twice. Broken test files are never left out: a score is of the whole test part.
    """
    check_ids(name, folder, splits)
    memory = known / f"{name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}.json"
    journal = Journal(memory.with_suffix(".journal"))
    before = recall(memory)
    stretches = list(dict.fromkeys(_stretch(u) for utterances in splits.values() for u in utterances))
    results = _decode(name, stretches, {**before, **journal.recall()}, journal, progress, workers)
    decoded = {key: result for key, result in results.items() if isinstance(result, Decoded)}
    if decoded != before:
        remember(memory, decoded)
    journal.drop()
    found, broken = _sort_out(folder, splits, results)
    # A split of which nothing is left is refused, too.
    kept = {"train"} if leave_out and found.get("train") else set()
    _refuse(name, splits, splits.keys() - kept, results)
    return found, tuple(broken)


def _stretch(utterance: Utterance) -> _Stretch:
    return _Stretch(utterance.audio_filepath, utterance.offset, utterance.duration)


def _sort_out(
    folder: Path, splits: Splits, results: _Results
) -> tuple[dict[str, list[Utterance]], list[BrokenFile]]:
    found: dict[str, list[Utterance]] = {split: [] for split in splits}
    broken: list[BrokenFile] = []
    for split, utterances in splits.items():
        for utterance in utterances:
            result = results[_stretch(utterance).key]
            if isinstance(result, Decoded):
                found[split].append(_complete(utterance, result))
            else:
                reason = _in_corpus(result, utterance.audio_filepath, folder)
                broken.append(BrokenFile(utterance.id, split, reason))
    return found, broken


def _complete(utterance: Utterance, audio: Decoded) -> Utterance:
    digest = digest_of(audio.digest, utterance.text, utterance.speaker)
    # Offset and duration as the samples lie: reading them again gives just these, and no neighbour.
    return replace(
        utterance, offset=audio.offset, duration=audio.seconds, digest=digest, audio_digest=audio.digest
    )


def _in_corpus(complaint: str, path: str, folder: Path) -> str:
    """What is wrong, without the place where the corpus lies."""
    inside = Path(path).is_relative_to(folder)
    return complaint.replace(path, Path(path).relative_to(folder).as_posix() if inside else Path(path).name)


def _refuse(name: str, splits: Splits, refused: Set[str], results: _Results) -> None:
    """Raises CorpusError when a file of one of these splits is broken."""
    files: set[str] = set()
    broken: dict[str, str] = {}
    for split, utterances in splits.items():
        for utterance in utterances:
            files.add(utterance.audio_filepath)
            result = results[_stretch(utterance).key]
            if split in refused and isinstance(result, str):
                broken.setdefault(utterance.audio_filepath, result)
    if broken:
        raise CorpusError(
            f"{name}: {len(broken)} of {len(files)} audio files cannot be used; fetch the corpus again "
            f"or mend them: {some(list(broken.values()))}"
        )


def _decode(
    name: str,
    stretches: list[_Stretch],
    before: dict[str, Decoded],
    journal: Journal,
    progress: Progress,
    workers: int,
) -> _Results:
    decoded: _Results = {}
    pool = ThreadPoolExecutor(max(1, workers))  # decoding and hashing run outside Python's lock
    try:
        for start in range(0, len(stretches), TOGETHER):
            some = stretches[start : start + TOGETHER]
            results: Iterable[Decoded | str] = pool.map(
                lambda stretch: _decode_one(stretch, before.get(stretch.key)), some
            )
            for done, (stretch, result) in enumerate(zip(some, results, strict=True), start + 1):
                decoded[stretch.key] = result
                if isinstance(result, Decoded) and result is not before.get(stretch.key):
                    journal.add(stretch.key, result)
                if done % 50 == 0 or done == len(stretches):
                    progress(f"decode {name}", done, len(stretches))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the files that are left
        journal.close()
    return decoded


def _decode_one(stretch: _Stretch, before: Decoded | None) -> Decoded | str:
    from asr.audio import read_pcm16

    path, offset, duration = stretch
    try:
        state = Path(path).stat()
        here = (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if before is not None and here == (before.size, before.modified, before.changed):
            return before
        samples, sample_rate = read_pcm16(path, offset=offset, duration=duration or None)
    except AudioError as error:
        return str(error)
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    seconds = len(samples) / sample_rate
    if seconds < duration - TOLERANCE:
        return f"{path}: ends {seconds:.2f} s after second {offset:g}, but its utterance has {duration:.2f} s"
    first = round(offset * sample_rate) / sample_rate
    return Decoded(*here, offset=first, seconds=seconds, digest=audio_digest(samples, sample_rate))


def check_ids(name: str, folder: Path, splits: Splits) -> None:
    """Raises CorpusError when a split is empty, or an id is there twice."""
    import numpy as np

    for split, utterances in splits.items():
        if not utterances:
            raise CorpusError(f"{folder}: the {split} split of {name} is empty; fetch the corpus again")
    # Of a million ids, eight bytes each: a key of 63 bits that is there twice is an id that is there twice, or chance.
    keys = [keyed_seeds(0, "id", last=table_of(utterances).id_keys()) for utterances in splits.values()]
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    if twice := set(found[counts > 1].tolist()):
        _refuse_twice(folder, splits, dict(zip(splits, keys, strict=True)), twice)


def _refuse_twice(
    folder: Path, splits: Splits, keys: "dict[str, npt.NDArray[np.uint64]]", twice: Set[int]
) -> None:
    seen: dict[str, str] = {}
    for split, utterances in splits.items():
        for row, key in enumerate(keys[split].tolist()):
            if key in twice:
                named = utterances[row].id
                if named in seen:
                    raise CorpusError(
                        f"{folder}: {named} is in {seen[named]} and again in {split}; each utterance needs an "
                        "id of its own: remove one, or give it another"
                    )
                seen[named] = split
