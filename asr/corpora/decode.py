"""Decoding every file of a corpus once: its length, its digest, and whether it is whole."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from asr.corpora.reading import Progress, Splits, some
from asr.errors import AudioError, CorpusError
from asr.files import write_json
from asr.manifest import Utterance, audio_digest, digest_of

FORMAT = 1  # of the list of known files


@dataclass(frozen=True)
class _Decoded:
    """What is known about a file: its state on disk, then what it decodes to."""

    size: int
    modified: int  # nanoseconds
    changed: int  # nanoseconds; unlike `modified` it cannot be set back
    seconds: float
    digest: str


def decode_all(
    name: str,
    folder: Path,
    splits: Splits,
    known: Path,
    progress: Progress,
    workers: int,
    *,
    fresh: bool = False,
) -> Splits:
    """Fills in `duration` and `digest`. Files that did not change since the last time are not decoded again.

    Args:
        known: folder that keeps a list of decoded files for each corpus folder.

    Raises:
        CorpusError: names every file that cannot be decoded whole (ten of them and the count), empty splits,
            and ids that occur twice.
    """
    _check_ids(name, folder, splits)
    memory = known / f"{name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}.json"
    before = {} if fresh else _recall(memory)
    paths = list(dict.fromkeys(u.audio_filepath for utterances in splits.values() for u in utterances))
    decoded = _decode(name, paths, before, progress, workers)
    if decoded != before:
        write_json(memory, {"format": FORMAT, "files": {path: vars(item) for path, item in decoded.items()}})
    return {
        split: [_complete(utterance, decoded[utterance.audio_filepath]) for utterance in utterances]
        for split, utterances in splits.items()
    }


def _complete(utterance: Utterance, audio: _Decoded) -> Utterance:
    digest = digest_of(audio.digest, utterance.text, utterance.speaker)
    return replace(utterance, duration=audio.seconds, digest=digest)


def _decode(
    name: str, paths: list[str], before: dict[str, _Decoded], progress: Progress, workers: int
) -> dict[str, _Decoded]:
    decoded: dict[str, _Decoded] = {}
    broken: list[str] = []
    pool = ThreadPoolExecutor(max(1, workers))  # decoding and hashing run outside Python's lock
    try:
        results: Iterable[_Decoded | str] = pool.map(lambda path: _decode_file(path, before.get(path)), paths)
        for done, (path, result) in enumerate(zip(paths, results, strict=True), 1):
            if isinstance(result, str):
                broken.append(result)
            else:
                decoded[path] = result
            if done % 50 == 0 or done == len(paths):
                progress(f"decode {name}", done, len(paths))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the files that are left
    if broken:
        raise CorpusError(
            f"{name}: {len(broken)} of {len(paths)} audio files cannot be used; fetch the corpus again "
            f"or mend them: {some(broken)}"
        )
    return decoded


def _decode_file(path: str, before: _Decoded | None) -> _Decoded | str:
    """What the file holds, or what is wrong with it."""
    from asr.audio import read_pcm16

    try:
        state = Path(path).stat()
        here = (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if before is not None and here == (before.size, before.modified, before.changed):
            return before
        samples, sample_rate = read_pcm16(path)
    except (AudioError, OSError) as error:
        return str(error)
    return _Decoded(*here, seconds=len(samples) / sample_rate, digest=audio_digest(samples, sample_rate))


def _recall(memory: Path) -> dict[str, _Decoded]:
    """Empty when there is nothing to recall: a list that cannot be read costs time, not correctness."""
    try:
        tree = json.loads(memory.read_text(encoding="utf-8"))
        if tree["format"] != FORMAT:
            return {}
        return {path: _Decoded(**item) for path, item in tree["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _check_ids(name: str, folder: Path, splits: Splits) -> None:
    seen: dict[str, str] = {}
    for split, utterances in splits.items():
        if not utterances:
            raise CorpusError(f"{folder}: the {split} split of {name} is empty; fetch the corpus again")
        for utterance in utterances:
            if utterance.id in seen:
                raise CorpusError(f"{folder}: {utterance.id} is in {seen[utterance.id]} and again in {split}")
            seen[utterance.id] = split
