"""A program that was started: what it says, as it says it, and how it ended. It ends with all that it has started."""

import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.benchmark.errors import HearingError
from asr.benchmark.process_tree import end_tree

MOST = 1 << 24  # bytes of one answer
_TAIL = 2_000  # bytes of its errors that are kept
_SHOWN = 3  # lines of them in a message
_BLOCK = 1 << 16  # bytes


class Program:
    """Standard input, output and errors are pipes; the working directory is the given one.

    Args:
        command: words, or one line for the shell.
        folder: its working directory, from which a program with a slash in its name is found.
        asks: whether anything will be written to its input; else that is empty.
        environment: in place of ours.
        apart: in a session of its own, so that Ctrl-C does not end it.

    Raises:
        HearingError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str] | str,
        folder: Path,
        *,
        asks: bool = False,
        environment: Mapping[str, str] | None = None,
        apart: bool = False,
    ) -> None:
        self.name = command.split()[0] if isinstance(command, str) else Path(command[0]).name
        try:
            self._process = subprocess.Popen(
                command if isinstance(command, str) else [found_program(command[0], folder), *command[1:]],
                shell=isinstance(command, str),
                cwd=folder,
                stdin=subprocess.PIPE if asks else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                start_new_session=apart,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise HearingError(f"{self.name}: cannot be started ({reason})") from None
        self._heard, self._ended, self._tail = bytearray(), False, b""
        assert self._process.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def id(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, line: str) -> None:
        """Writes a line to its input. Whoever does not read it will not answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode(errors="surrogateescape"))
        except BrokenPipeError:
            return  # it has ended, as reading will show

    def line(self, until: float) -> bytes | None:
        """Its next line of output, without the line end; None where it has ended instead.

        Args:
            until: of time.monotonic.

        Raises:
            TimeoutError: it has not come.
            HearingError: it has no end.
        """
        while b"\n" not in self._heard and not self._ended:
            self._read(until)
        line, newline, rest = self._heard.partition(b"\n")
        if not newline:
            return None
        self._heard = rest
        return bytes(line)

    def all(self, until: float) -> bytes:
        """Its whole output, when it has ended. Arguments and errors are those of `line`."""
        while not self._ended:
            self._read(until)
        try:
            self._process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        return bytes(self._heard)

    def unasked(self) -> bytes:
        """What it has said that nobody has read, as far as that is known without waiting."""
        while not self._ended and self._selector.select(0):
            self._read(time.monotonic() + 1)
        return bytes(self._heard)

    @property
    def status(self) -> int:
        """Its exit status, once its output has ended; of one that goes on without an output, after a second: -15."""
        try:
            return self._process.wait(1)
        except subprocess.TimeoutExpired:
            return -signal.SIGTERM

    @property
    def how(self) -> str:
        """How it ended, and the last lines of its errors."""
        status = self.status
        self._listener.join(1)
        ended = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return f"{ended}{self.last_words}"

    @property
    def last_words(self) -> str:
        """The last lines of its errors, behind a colon."""
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return f": {' / '.join(lines[-_SHOWN:])}" if lines else ""

    def end(self) -> None:
        """At once, with all that it has started."""
        process = self._process
        if process.poll() is None:  # else its id may be somebody else's by now
            end_tree(process.pid)
        process.wait()
        self._listener.join(1)
        self._selector.close()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None and not (stream is process.stderr and self._listener.is_alive()):
                stream.close()

    def _read(self, until: float) -> None:
        """Some of its output."""
        left = until - time.monotonic()
        if left <= 0 or not self._selector.select(left):
            raise TimeoutError
        assert self._process.stdout is not None
        block = os.read(self._process.stdout.fileno(), _BLOCK)
        self._ended = not block
        self._heard += block
        if len(self._heard) > MOST:
            raise HearingError(f"{self.name}: wrote more than {MOST >> 20} MB; expected the text of one file")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        while block := os.read(self._process.stderr.fileno(), _BLOCK):
            self._tail = (self._tail + block)[-_TAIL:]


def found_program(name: str, folder: Path) -> str:
    """The path of a program, as a shell in that folder would find it.

    Raises:
        HearingError: there is none that may be executed.
    """
    path = str(folder.absolute() / Path(name).expanduser()) if "/" in name else name
    found = shutil.which(path)
    if found is None:
        there = "may not be executed" if Path(path).is_file() and "/" in name else "no such program"
        raise HearingError(f"{name}: {there}; give its path from the benchmark's file, or a name in PATH")
    return found
