"""From a corpus's name to utterances that are known to be the right ones."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from asr.corpora.archive import unpack
from asr.corpora.decode import decode_all
from asr.corpora.download import fetch
from asr.corpora.lock import FORMAT as LOCK_FORMAT
from asr.corpora.lock import SplitLock, check_lock, read_lock, split_lock
from asr.corpora.reading import Progress, Reader, Splits, corpus_folder, data_file
from asr.corpora.registry import get_reader
from asr.errors import CorpusError
from asr.files import sha256_file, write_json

LockState = Literal["matches", "differs", "no lock", "not checked"]


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus that was decoded from end to end."""

    name: str
    source_name: str  # file or folder name only, never a path; "" when the corpus was made here
    source_sha256: str  # of the archive; "" for a folder
    splits: Splits  # with durations and digests
    locks: dict[str, SplitLock]  # by split
    lock_state: LockState  # "differs" only for a corpus made here; a downloaded one is then refused


def lock_of(prepared: PreparedCorpus) -> dict[str, Any]:
    """The contents of the corpus's lock file."""
    return {
        "format": LOCK_FORMAT,
        "corpus": prepared.name,
        "splits": {split: asdict(lock) for split, lock in sorted(prepared.locks.items())},
    }


def write_lock(prepared: PreparedCorpus, path: Path) -> None:
    """Writes the lock file, whole or not at all."""
    write_json(path, lock_of(prepared))


def prepare(
    name: str,
    source: Path | None,
    cache: Path,
    *,
    progress: Progress | None = None,
    workers: int = 2,
    check: bool = True,
    fresh: bool = False,
) -> PreparedCorpus:
    """Gets a corpus, decodes every file of it and compares it with its lock file.

    Args:
        name: of a reader in `asr.corpora`.
        source: an archive (unpacked into `cache`), an unpacked folder (used in place), or None: the corpus is
            downloaded from its public addresses, or made here.
        cache: folder for archives, unpacked corpora and what is known about their files; made if need be.
        progress: called with (what, done, total) now and then; total 0 is unknown.
        workers: threads that decode.
        check: compare with `data/NAME.lock.json`; a corpus without a lock file is taken as it is.
        fresh: decode every file again, also where nothing seems to have changed since it was last done.

    Raises:
        CorpusError: unknown name, no such source, wrong layout, missing or broken files, or another corpus
            than that of the lock file; the message names what is wrong.
    """
    preparation = _Preparation(get_reader(name), cache, progress or _silent, workers, check, fresh)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return preparation.run(source)
    except OSError as error:  # no space, no permission
        where = error.filename or cache
        raise CorpusError(f"{name} cannot be prepared: {where}: {error.strerror or error}") from None


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


@dataclass(frozen=True)
class _Preparation:
    """What stays the same while sources are tried."""

    reader: Reader
    cache: Path
    progress: Progress
    workers: int
    check: bool
    fresh: bool

    def run(self, source: Path | None) -> PreparedCorpus:
        if source is not None:
            return self.from_folder(source) if source.is_dir() else self.from_archive(source)
        if self.reader.make is not None:
            return self.load(self.reader.make(self.cache, self.progress, self.workers), "", "")
        assert self.reader.source is not None  # a reader has one of the two
        return fetch(self.reader.source, self.cache, self.progress, self.from_download)

    def from_folder(self, folder: Path) -> PreparedCorpus:
        return self.load(folder, folder.resolve().name, "")

    def from_archive(self, archive: Path) -> PreparedCorpus:
        if not archive.is_file():
            raise CorpusError(
                f"{archive}: no such file or folder; --corpus takes an archive of {self.reader.name} "
                f"or its unpacked folder"
            )
        sha256 = sha256_file(archive)
        try:
            return self._open(archive, sha256)
        except CorpusError as error:
            folder = self._unpacked(sha256)
            hint = (
                f" (unpacked from {archive}; delete {folder} to unpack it again)" if folder.is_dir() else ""
            )
            raise CorpusError(f"{error}{hint}") from None

    def from_download(self, archive: Path) -> PreparedCorpus:
        """A damaged folder in the cache is unpacked again; of a mirror's wrong copy nothing is kept."""
        sha256 = sha256_file(archive)
        folder = self._unpacked(sha256)
        if folder.is_dir():
            try:
                return self._open(archive, sha256)
            except CorpusError:
                shutil.rmtree(folder)
        try:
            return self._open(archive, sha256)
        except CorpusError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _open(self, archive: Path, sha256: str) -> PreparedCorpus:
        return self.load(unpack(archive, self._unpacked(sha256), self.progress), archive.name, sha256)

    def load(self, given: Path, source_name: str, source_sha256: str) -> PreparedCorpus:
        name = self.reader.name
        folder = corpus_folder(self.reader, given)
        found = self.reader.read(folder)
        splits = decode_all(
            name, folder, found, self.cache / "decoded", self.progress, self.workers, fresh=self.fresh
        )
        locks = {split: split_lock(utterances) for split, utterances in splits.items()}
        return PreparedCorpus(name, source_name, source_sha256, splits, locks, self._compare(locks))

    def _compare(self, locks: dict[str, SplitLock]) -> LockState:
        if not self.check:
            return "not checked"
        path = data_file(f"{self.reader.name}.lock.json")
        expected = read_lock(path)
        if expected is None:
            return "no lock"
        if self.reader.make is not None and locks != expected:
            # Made here by other libraries than those of the lock: no copy to fetch again, and nothing of the user's
            # to mend. The run goes on, and its record says that this is another corpus.
            return "differs"
        check_lock(self.reader.name, locks, expected, path)
        return "matches"

    def _unpacked(self, sha256: str) -> Path:
        return self.cache / f"{self.reader.name}-{sha256[:12]}"
