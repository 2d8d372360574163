"""Files at addresses: s3://, gs://, https://, memory:// and whatever else fsspec knows.

fsspec and its file systems are in the extra `remote`; without it, everything on this machine works.
"""

import time
from importlib import import_module
from pathlib import Path
from typing import Any

from asr.files import whole_file

BLOCK = 1 << 20  # bytes fetched at a time
TRIES = 3
SILENCE = 60.0  # seconds without a byte until a try is given up
PAUSE = 1.0  # seconds before the second try, twice as long before each further one


class FetchError(Exception):
    """What an address did instead of giving a file; the message names it."""


def fetch(address: str, target: Path, *, most: int) -> None:
    """Copies a file to this machine, whole or not at all, a block at a time.

    Args:
        most: bytes; a file that has more is given up.

    Raises:
        FetchError: it is not there, or does not come whole at the last try either.
        StorageError: it cannot be written.
    """
    for attempt in range(TRIES):
        try:
            with whole_file(target) as part, part.open("wb") as out, _open(address) as stream:
                left = most
                while block := _read(address, stream):
                    left -= len(block)
                    if left < 0:
                        raise FetchError(f"{address}: has more bytes than its list says")
                    out.write(block)
            return
        except _BrokenOffError as error:
            if attempt == TRIES - 1:
                raise FetchError(f"{address}: {error} ({TRIES} tries)") from None
            time.sleep(PAUSE * 2**attempt)


class _BrokenOffError(Exception):
    """It may come if it is asked for again."""


def _open(address: str) -> Any:
    """A context that gives a stream."""
    try:
        fsspec = import_module("fsspec")
        # Of http, no more than is read: by default it asks for whole blocks at places, which few servers give.
        options = {"block_size": 0} | _patience() if address.startswith("http") else {}
        return fsspec.open(address, "rb", **options).open()
    except ImportError as error:
        raise FetchError(
            f"{address}: to read it, a library is needed that is not installed ({error.name or error}); "
            "pip install 'attest-asr[remote]', and the file system that fsspec names for such addresses"
        ) from None
    except ValueError as error:
        raise FetchError(f"{address}: {error}") from None
    except Exception as error:  # noqa: BLE001  # each file system has errors of its own
        raise _trouble(address, error) from None


def _patience() -> dict[str, Any]:
    """A large file takes its time; what is not waited for is a server that falls silent."""
    timeout = import_module("aiohttp").ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)
    return {"client_kwargs": {"timeout": timeout}}


def _read(address: str, stream: Any) -> bytes:
    try:
        return bytes(stream.read(BLOCK))
    except Exception as error:  # noqa: BLE001  # each file system has errors of its own
        raise _trouble(address, error) from None


def _trouble(address: str, error: BaseException) -> Exception:
    """These two they have in common; others may be the network's."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and isinstance(cause, Exception):
        error = cause  # of http, fsspec says so whatever the server did
    if isinstance(error, FileNotFoundError):
        return FetchError(f"{address}: there is no such file")
    if isinstance(error, PermissionError):
        return FetchError(f"{address}: no permission ({error})")
    return _BrokenOffError(" ".join(f"{type(error).__name__}: {error}".split()).strip(": "))
