"""Decoding everything in a corpus once: its length, its digest, and whether it is whole."""

import hashlib
import json
from collections.abc import Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asr.corpora.reading import Progress, Splits, some
from asr.errors import AudioError, CorpusError
from asr.files import whole_file
from asr.manifest import Utterance, audio_digest, digest_of, table_of
from asr.randomness import keyed_seeds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMAT = 3  # of the list of known files
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


@dataclass(frozen=True)
class _Decoded:
    """What is known about a stretch: its file's state on disk, then what it decodes to."""

    size: int
    modified: int  # nanoseconds
    changed: int  # nanoseconds; unlike `modified` it cannot be set back
    offset: float  # seconds, of its first sample
    seconds: float
    digest: str


_Results = dict[str, _Decoded | str]  # by a stretch's key: what it holds, or what is wrong with it


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
    before = _recall(memory)
    stretches = list(dict.fromkeys(_stretch(u) for utterances in splits.values() for u in utterances))
    results = _decode(name, stretches, before, progress, workers)
    decoded = {key: result for key, result in results.items() if isinstance(result, _Decoded)}
    if decoded != before:
        _remember(memory, decoded)
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
            if isinstance(result, _Decoded):
                found[split].append(_complete(utterance, result))
            else:
                reason = _in_corpus(result, utterance.audio_filepath, folder)
                broken.append(BrokenFile(utterance.id, split, reason))
    return found, broken


def _complete(utterance: Utterance, audio: _Decoded) -> Utterance:
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
    name: str, stretches: list[_Stretch], before: dict[str, _Decoded], progress: Progress, workers: int
) -> _Results:
    decoded: _Results = {}
    pool = ThreadPoolExecutor(max(1, workers))  # decoding and hashing run outside Python's lock
    try:
        for start in range(0, len(stretches), TOGETHER):
            some = stretches[start : start + TOGETHER]
            results: Iterable[_Decoded | str] = pool.map(
                lambda stretch: _decode_one(stretch, before.get(stretch.key)), some
            )
            for done, (stretch, result) in enumerate(zip(some, results, strict=True), start + 1):
                decoded[stretch.key] = result
                if done % 50 == 0 or done == len(stretches):
                    progress(f"decode {name}", done, len(stretches))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the files that are left
    return decoded


def _decode_one(stretch: _Stretch, before: _Decoded | None) -> _Decoded | str:
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
    return _Decoded(*here, offset=first, seconds=seconds, digest=audio_digest(samples, sample_rate))


def _remember(memory: Path, decoded: dict[str, _Decoded]) -> None:
    """A line for each stretch, written as it is made."""
    with whole_file(memory) as part, part.open("w", encoding="utf-8") as out:
        out.write(f'{{"format": {FORMAT}, "decoder": {json.dumps(_decoder())}, "files": {{')
        for number, (key, item) in enumerate(decoded.items()):
            comma = ",\n" if number else "\n"
            out.write(f"{comma}{json.dumps(key)}: {json.dumps(vars(item))}")
        out.write("}}\n")


def _recall(memory: Path) -> dict[str, _Decoded]:
    """Empty when there is nothing to recall: a list that cannot be read costs time, not correctness."""
    try:
        tree = json.loads(memory.read_text(encoding="utf-8"))
        if (tree["format"], tree["decoder"]) != (FORMAT, _decoder()):
            return {}
        return {key: _Decoded(**item) for key, item in tree["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _decoder() -> str:
    """Another version may decode a file to other samples, or find fault with it."""
    import soundfile

    return f"libsndfile {soundfile.__libsndfile_version__}"


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
                    raise CorpusError(f"{folder}: {named} is in {seen[named]} and again in {split}")
                seen[named] = split
