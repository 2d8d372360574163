"""Shards: tar files that hold the audio of many utterances, and the place of one of them in its shard.

A place is written `FOLDER/train-000012.tar#1536+48211`: the file, the bytes before the audio in it, and the bytes of
the audio. So an utterance in a shard is read wherever a sound file is (asr.audio.read_audio).

The folder lists its shards in `shards.json`, with the SHA-256 of each. A shard is checked against it, from its first
byte to its last, when its first utterance is read in a process. One that is not there is fetched first, if the folder
is the mirror of an address (`source.json`); so the folder is a cache in which each shard arrives once.
"""

import fcntl
import functools
import hashlib
import io
import json
import os
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from asr.errors import AudioError, StorageError
from asr.files import sha256_file
from asr.remote_file import FetchError, fetch

LIST, SOURCE = "shards.json", "source.json"
PLACE = re.compile(r"(?P<shard>.*\.tar)#(?P<start>[0-9]{1,18})\+(?P<size>[0-9]{1,18})", re.DOTALL)


@dataclass(frozen=True)
class Listed:
    """What the list says of a shard."""

    bytes: int
    sha256: str


def place(shard: str, start: int, size: int) -> str:
    """Of `size` bytes of audio after the first `start` bytes of a shard."""
    return f"{shard}#{start}+{size}"


def shard_of(path: str) -> str | None:
    """The shard's file in a place; None for a sound file by itself."""
    return path.rpartition("#")[0] if "#" in path and PLACE.fullmatch(path) else None


def open_member(path: str) -> io.FileIO:
    """The audio at a place as a file of its own, in memory.

    Raises:
        AudioError: the shard is missing, cannot be fetched, or is not the one of the list.
    """
    found = PLACE.fullmatch(path)
    if found is None:
        raise ValueError(f"not a place in a shard: {path}")
    start, size = int(found["start"]), int(found["size"])
    descriptor = _open_checked(Path(found["shard"]))
    try:
        contents = os.pread(descriptor, size, start)
    finally:
        os.close(descriptor)
    if len(contents) < size:
        raise AudioError(f"{path}: the shard ends before that; the manifest is not of these shards")
    stream = _memory_file()
    stream.write(contents)
    stream.seek(0)
    return stream


def make_ready(path: str) -> None:
    """Fetches and checks the shard of a place, so that nobody waits for it later. Raises AudioError."""
    shard = shard_of(path)
    if shard:
        os.close(_open_checked(Path(shard)))


def _memory_file() -> io.FileIO:
    """What libsndfile reads by its descriptor, without calling Python for every block."""
    if hasattr(os, "memfd_create"):
        return io.FileIO(os.memfd_create("member", os.MFD_CLOEXEC), "w+b")
    return io.FileIO(os.dup(tempfile.TemporaryFile(buffering=0).fileno()), "w+b")


_checked: set[tuple[int, ...]] = set()  # states of files that are the ones of their lists
_turns: dict[str, threading.Lock] = {}  # by shard: one thread checks it, the others wait


def _open_checked(shard: Path) -> int:
    """A descriptor of the shard, which is known to be the one of its list."""
    descriptor = _open(shard)
    if descriptor is None:
        _make_sure(shard)
        descriptor = _open(shard)
    elif _state(descriptor) not in _checked:
        os.close(descriptor)
        _make_sure(shard)
        descriptor = _open(shard)
    if descriptor is None:
        raise AudioError(f"{shard}: this shard was removed while it was read")
    return descriptor


def _open(shard: Path) -> int | None:
    try:
        return os.open(shard, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AudioError(f"{shard}: this shard cannot be opened ({error.strerror})") from None


def _state(descriptor: int) -> tuple[int, ...]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _make_sure(shard: Path) -> None:
    """Fetches the shard where it is missing or damaged and there is an address; others wait for who does it.

    Raises:
        AudioError: names the shard, and what is wrong with it.
    """
    listed, address = _listed(shard), source_of(shard.parent)
    try:
        lock = _lock(shard, address)
    except OSError as error:
        raise AudioError(f"{shard}: cannot be fetched into its folder ({error.strerror})") from None
    with _turns.setdefault(str(shard), threading.Lock()), lock:
        trouble = _trouble(shard, listed)
        if trouble and address:
            for left in shard.parent.glob(f".{shard.name}.*.part"):  # of a process that was killed
                left.unlink(missing_ok=True)
            _fetch(f"{address}/{shard.name}", shard, listed)
            trouble = _trouble(shard, listed)
        if trouble:
            raise AudioError(f"{shard}: {trouble}; copy this shard again from where it came from")


def _lock(shard: Path, address: str) -> io.IOBase:
    """Only what is fetched is written: a folder of shards by itself may be read-only."""
    if not address:
        return io.BytesIO()
    stream = (shard.parent / f".{shard.name}.lock").open("w")
    fcntl.flock(stream, fcntl.LOCK_EX)
    return stream


def _trouble(shard: Path, listed: Listed) -> str:
    """Why the file is not the shard of the list; "" if it is."""
    descriptor = _open(shard)
    if descriptor is None:
        return "this shard is missing"
    try:
        state = _state(descriptor)
        if state in _checked:
            return ""
        if state[2] != listed.bytes:
            return f"this shard has {state[2]} bytes, {LIST} says {listed.bytes}"
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != listed.sha256:
            return f"this shard is damaged: its SHA-256 is {found[:16]}…, {LIST} says {listed.sha256[:16]}…"
        _checked.add(state)
        return ""
    finally:
        os.close(descriptor)


def _listed(shard: Path) -> Listed:
    path = shard.parent / LIST
    try:
        stamp = path.stat().st_mtime_ns
        listed = _read_list(path, stamp).get(shard.name)
    except FileNotFoundError:
        raise AudioError(f"{shard}: there is no {LIST} beside this shard, which has its digest") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AudioError(f"{path}: not a list of shards ({type(error).__name__}: {error})") from None
    if listed is None:
        raise AudioError(f"{shard}: {LIST} does not name this shard")
    return listed


@functools.lru_cache(8)
def _read_list(path: Path, _stamp: int) -> dict[str, Listed]:
    tree = json.loads(path.read_text(encoding="utf-8"))
    return {item["name"]: Listed(int(item["bytes"]), str(item["sha256"])) for item in tree["shards"]}


def source_of(folder: Path) -> str:
    """The address that a folder is the mirror of; "" for shards that are all there."""
    try:
        return str(json.loads((folder / SOURCE).read_text(encoding="utf-8"))["address"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AudioError(f"{folder / SOURCE}: not the address of shards ({error})") from None


def _fetch(address: str, target: Path, listed: Listed) -> None:
    """Raises AudioError when it does not come, or comes as something else, also at the last try."""
    try:
        fetch(address, target, most=listed.bytes)
    except (FetchError, StorageError) as error:
        raise AudioError(str(error)) from None
    if sha256_file(target) != listed.sha256:
        target.unlink()
        raise AudioError(f"{address}: what came is not the shard of {LIST} (another SHA-256)")
