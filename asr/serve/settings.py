"""What a server is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from asr.errors import AsrError

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one request, and all of them together, may take. docs/server.md has the status of each answer."""

    megabytes: float = 512  # of an upload, form and all
    seconds: float = 4 * 3600  # of audio in it
    time: float = 1800  # seconds until its answer, counted from when it has arrived
    upload_time: float = 600  # seconds until an upload has arrived
    idle_time: float = 20  # seconds in which nothing of it comes
    requests: int = 64  # at once: arriving, waiting and computed
    live: int = 8  # live connections at once
    stop_time: float = 30  # seconds that requests have to finish when the server is asked to stop

    @property
    def bytes(self) -> int:
        return round(self.megabytes * MEGABYTE)


@dataclass(frozen=True)
class Settings:
    """Of one server."""

    host: str = "127.0.0.1"
    port: int = 8000  # 0: any that is free
    tokens: tuple[str, ...] = ()  # one of them is wanted from whoever asks; none: everybody may
    origins: tuple[str, ...] = ()  # web pages that may use the service beside its own; "*": all
    hosts: tuple[
        str, ...
    ] = ()  # names by which the service is called, beside addresses and this machine's name
    workers: int = 1  # computing threads
    limits: Limits = field(default_factory=Limits)


def read_tokens(path: Path) -> tuple[str, ...]:
    """The tokens in a file, one a line; empty lines are left out.

    Raises:
        AsrError: it cannot be read, has none, or has one with a space or what is not ASCII.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise AsrError(
            f"--token-file {path}: cannot be read ({reason}); give a file with a token a line"
        ) from None
    return checked_tokens([line.strip() for line in lines if line.strip()], f"--token-file {path}")


def checked_tokens(tokens: list[str], where: str) -> tuple[str, ...]:
    """Tokens that can stand in a header. A message never shows one.

    Raises:
        AsrError: there is none, or one cannot.
    """
    if not tokens:
        raise AsrError(f"{where}: no token in it; make one, for example by `openssl rand -hex 32`")
    for number, token in enumerate(tokens, 1):
        if not token.isascii() or not token.isprintable() or " " in token:
            raise AsrError(
                f"{where}: token {number} has a space or a character that is not ASCII; take others"
            )
    return tuple(tokens)
