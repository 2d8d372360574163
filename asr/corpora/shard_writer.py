"""Making shards out of a corpus: whole or not at all, and going on where it was interrupted.

A split is written shard by shard. Beside each, in the folder `.parts`, lies what is in it, so that the next try passes
over the shards that are finished and still of the same utterances; `shards.json`, without which there are no shards, is
written last.
"""

import fcntl
import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from asr.corpora.leaks import shared_audio
from asr.corpora.prepared import PreparedCorpus
from asr.corpora.reading import Progress
from asr.corpora.shard_samples import add, encode, members_of, room, whole
from asr.corpora.shards import FORMAT
from asr.errors import CorpusError, StorageError
from asr.files import sha256_file, whole_file, write_json, write_text
from asr.manifest import Utterance, write_manifest
from asr.shard_file import LIST, place

PARTS = ".parts"
TOGETHER = 64  # utterances that are encoded at a time


@dataclass(frozen=True)
class Packed:
    """What was written."""

    shards: int
    bytes: int


def write_shards(
    corpus: PreparedCorpus, folder: Path, size: int, *, workers: int = 1, progress: Progress
) -> Packed:
    """Writes all splits of a corpus.

    Args:
        size: bytes of a shard at most, unless a single utterance is larger.
        workers: threads that read and encode.

    Raises:
        CorpusError: the folder holds something else, or an utterance cannot be written as it was prepared.
        StorageError: the disk is full, or the folder cannot be written to.
    """
    check_folder(folder)
    _refuse_shared_audio(corpus)
    with _alone(folder):
        return _write(corpus, folder, size, workers, progress)


def _write(corpus: PreparedCorpus, folder: Path, size: int, workers: int, progress: Progress) -> Packed:
    splits, shards = {}, []
    for split, utterances in sorted(corpus.splits.items()):
        with ThreadPoolExecutor(workers) as pool:
            writer = _Writer(split, utterances, folder, size, pool, progress)
            names = list(writer.write())
        for name in names:
            tree = _remembered(folder, name)
            shards.append({"name": name, "utterances": len(tree["utterances"])} | tree["file"])
        manifest = folder / f"{split}.jsonl"
        write_manifest(manifest, chain.from_iterable(_inside(_remembered(folder, name)) for name in names))
        lock = corpus.locks[split]
        splits[split] = {
            "manifest": manifest.name,
            "sha256": sha256_file(manifest),
            "utterances": lock.utterances,
            "seconds": lock.seconds,
            "digest": lock.digest,
        }
    for left in set(folder.glob("*.tar")) - {folder / item["name"] for item in shards}:
        left.unlink()  # of an interrupted try with smaller shards, or another corpus: a pattern would find it too
    write_text(folder / "SHA256SUMS", "".join(f"{item['sha256']}  {item['name']}\n" for item in shards))
    write_json(folder / LIST, {"format": FORMAT, "corpus": corpus.name, "splits": splits, "shards": shards})
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    return Packed(len(shards), sum(int(item["bytes"]) for item in shards))


def _refuse_shared_audio(corpus: PreparedCorpus) -> None:
    """Stretches of one file may overlap. Packed, each has a place of its own, and nobody could see it."""
    for split, utterances in sorted(corpus.splits.items()):
        where = shared_audio(corpus.splits, split)
        ours = {utterance.audio_digest: utterance.id for utterance in utterances if utterance.id in where}
        for other in corpus.splits.keys() - {
            split
        }:  # the same from end to end is found by its digest in shards too
            for utterance in corpus.splits[other]:
                where.pop(ours.get(utterance.audio_digest, ""), None)
        for name, others in where.items():
            raise CorpusError(
                f"{corpus.name}: {len(where)} utterances of {split} overlap with audio of another split, such as "
                f"{name} (in {', '.join(others)}); leave them out of one, as in shards nothing would notice it"
            )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that write into one folder would mix their shards. The lock goes with its process, however that ends."""
    try:
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        stream = (folder / PARTS / "lock").open("w")
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written to: {error.strerror}") from None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CorpusError(f"{folder}: another process is packing shards into this folder") from None
        for left in (*folder.glob(".*.part"), *(folder / PARTS).glob(".*.part")):  # of one that was killed
            left.unlink()
        yield


def check_folder(folder: Path) -> None:
    """Raises CorpusError unless the folder is new, empty, or left by an interrupted try."""
    if (folder / LIST).exists():
        raise CorpusError(f"{folder}: holds finished shards; choose another folder, or delete it first")
    strangers = (
        sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if folder.is_dir()
        else []
    )
    if strangers and not (folder / PARTS).is_dir():
        raise CorpusError(f"{folder}: not empty ({', '.join(strangers[:3])}); choose another folder")


@dataclass
class _Writer:
    """Writes one split."""

    split: str
    utterances: Sequence[Utterance]
    folder: Path
    size: int
    pool: ThreadPoolExecutor
    progress: Progress
    done: int = 0  # utterances in finished shards
    samples: "_Samples | None" = None  # from `done` on; None: nothing was encoded yet

    def write(self) -> Iterator[str]:
        """Names of the shards, each when it is finished."""
        for number in count():
            if self.done == len(self.utterances):
                return
            name = f"{self.split}-{number:06d}.tar"
            if self.samples or not self._is_finished(name):
                self._write_shard(name)
            self._report()
            yield name

    def _report(self, inside: int = 0) -> None:
        self.progress(f"pack {self.split}", self.done + inside, len(self.utterances))

    def _write_shard(self, name: str) -> None:
        """As many samples as fit; at least one."""
        if self.samples is None:
            self.samples = _Samples(self.utterances, self.done, self.pool)
        inside: list[dict[str, Any]] = []
        with (
            whole_file(self.folder / name) as part,
            tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar,
        ):
            while sample := self.samples.peek():
                utterance, audio = sample
                members = members_of(utterance, audio)
                if inside and whole(tar.offset + sum(room(contents) for _, contents in members)) > self.size:
                    break
                start = add(tar, members)
                where = place(name, start, len(audio))
                inside.append(asdict(replace(utterance, audio_filepath=where, offset=0.0)))
                self.samples.drop()
                self._report(len(inside))
        path = self.folder / name
        file = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        tree = {"size": self.size, "file": file, "utterances": inside}
        write_text(_part(self.folder, name), json.dumps(tree))
        self.done += len(inside)

    def _is_finished(self, name: str) -> bool:
        """Whether an interrupted try has left this shard, and it holds what comes next."""
        try:
            tree = _remembered(self.folder, name)
            inside = list(_inside(tree))
            if tree["size"] != self.size or sha256_file(self.folder / name) != tree["file"]["sha256"]:
                return False
        except (OSError, ValueError, KeyError, TypeError):
            return False
        rows = range(self.done, self.done + len(inside))
        if not inside or rows.stop > len(self.utterances):
            return False
        for row, utterance in zip(rows, inside, strict=True):
            if (
                replace(self.utterances[row], audio_filepath=utterance.audio_filepath, offset=0.0)
                != utterance
            ):
                return False
        self.done += len(inside)
        return True


class _Samples:
    """Utterances from a row on, each with its FLAC; a few are encoded ahead."""

    def __init__(self, utterances: Sequence[Utterance], start: int, pool: ThreadPoolExecutor) -> None:
        self._coming = self._encoded(utterances, start, pool)
        self._next: tuple[Utterance, bytes] | None = None

    def peek(self) -> tuple[Utterance, bytes] | None:
        """The next one; None after the last."""
        if self._next is None:
            self._next = next(self._coming, None)
        return self._next

    def drop(self) -> None:
        self._next = None

    @staticmethod
    def _encoded(
        utterances: Sequence[Utterance], start: int, pool: ThreadPoolExecutor
    ) -> Iterator[tuple[Utterance, bytes]]:
        rows = iter(range(start, len(utterances)))
        while some := [utterances[row] for row in islice(rows, TOGETHER)]:
            yield from zip(some, pool.map(encode, some), strict=True)


def _part(folder: Path, name: str) -> Path:
    return folder / PARTS / f"{name}.json"


def _remembered(folder: Path, name: str) -> Any:
    return json.loads(_part(folder, name).read_text(encoding="utf-8"))


def _inside(tree: Any) -> Iterator[Utterance]:
    return (Utterance(**line) for line in tree["utterances"])
