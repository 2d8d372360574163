"""From a corpus's name to utterances that are known to be the right ones."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asr.corpora.archive import unpack
from asr.corpora.decode import BrokenFile, check_ids, decode_all
from asr.corpora.download import fetch
from asr.corpora.lock import SplitLock, read_lock, split_lock
from asr.corpora.lock_difference import check_lock, describe
from asr.corpora.parts import chosen_parts, read_parts
from asr.corpora.prepared import LockPlace, PreparedCorpus
from asr.corpora.reading import MADE_BY, Progress, Reader, Splits, corpus_folder, data_file, some
from asr.corpora.registry import get_reader
from asr.corpora.shards import address_of, mirror
from asr.errors import CorpusError
from asr.files import sha256_file

# What to do about a corpus that is not that of its lock: of the project's lock, of one that was written here.
OTHER_CORPUS = (
    "Fetch the original again; or use this one with --any-corpus, but results on another corpus are not "
    "comparable"
)
CHANGED_CORPUS = (
    "If this change is meant, delete {}, and the next run writes a new one; results from before and after it are not "
    "comparable"
)


def prepare(
    name: str,
    source: Path | None,
    cache: Path,
    *,
    progress: Progress | None = None,
    workers: int = 2,
    check: bool = True,
    parts: Sequence[str] = (),
) -> PreparedCorpus:
    """Gets a corpus, decodes every file of it and compares it with its lock file.

    Args:
        name: of a reader in `asr.corpora`.
        source: an archive (unpacked into `cache`), an unpacked folder (used in place), or None: the corpus is
            downloaded from its public addresses, or made here.
        cache: folder for archives, unpacked corpora and what is known about their files; made if need be.
        progress: called with (what, done, total) now and then; total 0 is unknown.
        workers: threads that decode.
        check: compare with `data/NAME.lock.json`, or with the lock that the first use left (`keep_lock`): beside the
            manifests of own recordings, for other corpora in `cache`/locks. A corpus without a lock file is taken as
            it is. Training files that do not decode are left out and listed in `broken`, unless a lock of the
            project's is to be matched.
        parts: of a corpus of several archives, those that are wanted; none: its usual ones. Then `source` is a folder
            with their folders in it, or with the archives themselves.

    Raises:
        CorpusError: unknown name, no such source, none given for a corpus that cannot be had otherwise, wrong
            layout, missing or broken files, or another corpus than that of the lock file; the message names
            what is wrong, and the utterances that differ.
    """
    reader = get_reader(name)
    preparation = _Preparation(
        reader, cache, progress or _silent, workers, check, chosen_parts(reader, parts)
    )
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
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the corpus, with its parts."""
        return "+".join((self.reader.name, *self.parts))

    def run(self, source: Path | None) -> PreparedCorpus:
        if source is not None and (address := address_of(source)):
            return self.from_address(address)
        if self.parts:
            return self.from_parts(source)
        if source is not None:
            return self.from_folder(source) if source.is_dir() else self.from_archive(source)
        if self.reader.make is not None:
            return self.load(self.reader.make(self.cache, self.progress, self.workers), "", "")
        if self.reader.source is None:
            obtain = f" ({self.reader.obtain})" if self.reader.obtain else ""
            raise CorpusError(
                f"{self.reader.name}: this corpus is on your machine only{obtain}; say where with --corpus FOLDER; "
                f"expected {self.reader.layout}"
            )
        return fetch(self.reader.source, self.cache, self.progress, self.from_download)

    def from_address(self, address: str) -> PreparedCorpus:
        if not self.reader.decoded:
            raise CorpusError(
                f"{address}: {self.reader.name} is read from a folder or an archive on this machine; from an address "
                'come shards only (corpus.name = "shards", and `asr shards` makes them)'
            )
        folder = mirror(address, self.cache.resolve())
        return self.load(folder, address.rpartition("/")[2], "", address)

    def from_parts(self, source: Path | None) -> PreparedCorpus:
        """Of each part its folder or archive in `source`, or what is downloaded."""
        found = read_parts(self.reader, self.parts, source, self.cache, self.progress)
        archives = " ".join(self.reader.parts[name].source.archive for name in self.parts)
        folder = (source or self.cache).resolve()
        place = self._lock_place(folder, folder, "")
        return self._load(folder, found, folder.name if source else archives, "", place)

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
        folder = unpack(archive, self._unpacked(sha256), self.progress, nested=self.reader.nested)
        return self.load(folder, archive.name, sha256)

    def load(self, given: Path, source_name: str, source_sha256: str, address: str = "") -> PreparedCorpus:
        folder = corpus_folder(self.reader, given)
        place = self._lock_place(given, folder, address)
        return self._load(folder, self.reader.read(folder), source_name, source_sha256, place)

    def _load(
        self, folder: Path, found: Splits, source_name: str, source_sha256: str, place: LockPlace
    ) -> PreparedCorpus:
        name = self.reader.name
        expected = read_lock(place.path) if self.check else None
        splits, broken = self._decoded(folder, found, leave_out=expected is None or not place.ours)
        locks = {split: split_lock(utterances) for split, utterances in splits.items()}
        corpus = PreparedCorpus(
            name=name,
            source_name=source_name,
            source_sha256=source_sha256,
            splits=splits,
            locks=locks,
            lock_state="no lock" if self.check else "not checked",
            broken=broken,
            maker=self._maker(folder),
            lock_place=place if self.check else None,
            pronunciations=self._pronunciations(folder),
        )
        return corpus if expected is None else self._compared(corpus, expected, place)

    def _decoded(
        self, folder: Path, found: Splits, *, leave_out: bool
    ) -> tuple[Splits, tuple[BrokenFile, ...]]:
        if self.reader.decoded:
            check_ids(self.name, folder, found)
            return found, ()
        known = self.cache / "decoded"
        return decode_all(self.name, folder, found, known, self.progress, self.workers, leave_out=leave_out)

    def _lock_place(self, given: Path, folder: Path, address: str) -> LockPlace:
        """Own recordings have their lock beside them; of all others there is one corpus of that name.

        What is at an address cannot be written to: its lock is in the cache, whatever folder stands for it there.
        """
        if address:
            known = hashlib.sha256(address.encode()).hexdigest()[:16]
            path = self.cache / "locks" / f"{self.reader.name}-{known}.lock.json"
            return LockPlace(path, str(path), ours=False)
        if name := self.reader.lock_beside:
            top = given.resolve()
            inside = given / folder.relative_to(top) if folder.is_relative_to(top) else folder
            return LockPlace(folder / name, str(inside / name), ours=False)
        name = f"{self.name}.lock.json"
        if (path := data_file(name)).is_file():
            return LockPlace(path, name, ours=True)
        path = self.cache / "locks" / name
        return LockPlace(path, str(path), ours=False)

    def _compared(
        self, corpus: PreparedCorpus, expected: dict[str, SplitLock], place: LockPlace
    ) -> PreparedCorpus:
        corpus = replace(corpus, lock_place=None)
        if self.reader.make is not None:
            # Made here by other libraries than those of the lock: no copy to fetch again, and nothing of the user's
            # to mend. The run goes on, and its record says that this is another corpus.
            difference = describe(corpus.locks, expected)
            return replace(corpus, lock_state="differs" if difference else "matches", difference=difference)
        advice = OTHER_CORPUS if place.ours else CHANGED_CORPUS.format(place.shown)
        if corpus.broken:
            reasons = [f"{item.id}: {item.reason}" for item in corpus.broken]
            advice = f"Left out, as their audio is broken: {some(reasons)}. {advice}"
        check_lock(self.reader.name, corpus.locks, expected, place.shown, advice)
        return replace(corpus, lock_state="matches")

    def _pronunciations(self, folder: Path) -> Path | None:
        path = folder / self.reader.pronunciations
        return path if self.reader.pronunciations and path.is_file() else None

    def _maker(self, folder: Path) -> str:
        """ "" also for a corpus that was made before its maker was written down."""
        path = folder / MADE_BY
        if self.reader.make is None or not path.is_file():
            return ""
        return path.read_text(encoding="utf-8").strip()

    def _unpacked(self, sha256: str) -> Path:
        return self.cache / f"{self.reader.name}-{sha256[:12]}"
