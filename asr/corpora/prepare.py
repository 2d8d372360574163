"""From a corpus's name to utterances that are known to be the right ones."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from asr.corpora.archive import unpack
from asr.corpora.decode import BrokenFile, decode_all
from asr.corpora.download import fetch
from asr.corpora.lock import FORMAT as LOCK_FORMAT
from asr.corpora.lock import SplitLock, check_lock, read_lock, split_lock
from asr.corpora.reading import MADE_BY, Progress, Reader, Splits, corpus_folder, data_file
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
    broken: tuple[BrokenFile, ...] = ()  # of training, and so not in `splits`; none where a lock is matched
    maker: str = ""  # program and version, of a corpus made by one


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
) -> PreparedCorpus:
    """Gets a corpus, decodes every file of it and compares it with its lock file.

    Args:
        name: of a reader in `asr.corpora`.
        source: an archive (unpacked into `cache`), an unpacked folder (used in place), or None: the corpus is
            downloaded from its public addresses, or made here.
        cache: folder for archives, unpacked corpora and what is known about their files; made if need be.
        progress: called with (what, done, total) now and then; total 0 is unknown.
        workers: threads that decode.
        check: compare with `data/NAME.lock.json`; a corpus without a lock file is taken as it is. Where nothing
            is compared, training files that do not decode are left out and listed in `broken`.

    Raises:
        CorpusError: unknown name, no such source, none given for a corpus that cannot be had otherwise, wrong
            layout, missing or broken files, or another corpus than that of the lock file; the message names
            what is wrong.
    """
    preparation = _Preparation(get_reader(name), cache, progress or _silent, workers, check)
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

    def run(self, source: Path | None) -> PreparedCorpus:
        if source is not None:
            return self.from_folder(source) if source.is_dir() else self.from_archive(source)
        if self.reader.make is not None:
            return self.load(self.reader.make(self.cache, self.progress, self.workers), "", "")
        if self.reader.source is None:
            raise CorpusError(
                f"{self.reader.name}: this corpus is on your machine only; say where with --corpus FOLDER; "
                f"expected {self.reader.layout}"
            )
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
            raise type(error)(f"{error}{hint}") from None

    def from_download(self, archive: Path) -> PreparedCorpus:
        """A damaged folder in the cache is unpacked again; a mirror's wrong copy is not kept unpacked."""
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
        path = data_file(f"{name}.lock.json")
        expected = read_lock(path) if self.check else None
        splits, broken = decode_all(
            name,
            folder,
            found,
            self.cache / "decoded",
            self.progress,
            self.workers,
            leave_out=expected is None,
        )
        locks = {split: split_lock(utterances) for split, utterances in splits.items()}
        return PreparedCorpus(
            name=name,
            source_name=source_name,
            source_sha256=source_sha256,
            splits=splits,
            locks=locks,
            lock_state=self._compare(locks, expected, path),
            broken=broken,
            maker=self._maker(folder),
        )

    def _compare(
        self, locks: dict[str, SplitLock], expected: dict[str, SplitLock] | None, path: Path
    ) -> LockState:
        if expected is None:
            return "no lock" if self.check else "not checked"
        if self.reader.make is not None and locks != expected:
            # Made here by other libraries than those of the lock: no copy to fetch again, and nothing of the user's
            # to mend. The run goes on, and its record says that this is another corpus.
            return "differs"
        check_lock(self.reader.name, locks, expected, path)
        return "matches"

    def _maker(self, folder: Path) -> str:
        """ "" also for a corpus that was made before its maker was written down."""
        path = folder / MADE_BY
        if self.reader.make is None or not path.is_file():
            return ""
        return path.read_text(encoding="utf-8").strip()

    def _unpacked(self, sha256: str) -> Path:
        return self.cache / f"{self.reader.name}-{sha256[:12]}"
