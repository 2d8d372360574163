"""A real `asr serve`, in a process of its own on a free port."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO


class Served:
    """A server that runs.

    Attributes:
        url: without a slash at the end.
        temporary: the folder in which it may put files while it works.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int, temporary: Path) -> None:
        self.process, self.port, self.temporary = process, port, temporary
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []

    @property
    def log(self) -> str:
        return "".join(self.lines)

    @property
    def memory(self) -> int:
        """Bytes of it that are in memory now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def processor_time(self) -> float:
        """Seconds that it has computed, of all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def open_files(self) -> list[str]:
        """What of the file system it has open for writing or has open and is deleted: uploads that are held."""
        found = []
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                name = str(link.readlink())
                if name.startswith(str(self.temporary)):
                    found.append(name)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to stop; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(200)


@contextlib.contextmanager
def served(
    models: Sequence[str | Path], *options: str, environment: dict[str, str] | None = None
) -> Iterator[Served]:
    """Started, and ended if it still runs."""
    with tempfile.TemporaryDirectory(prefix="asr-served-") as folder:
        command = [sys.executable, "-m", "asr.cli.main", "serve", *map(str, models), "--port", "0", *options]
        process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TMPDIR": folder, **(environment or {})},
        )
        assert process.stderr is not None
        server = Served(process, 0, Path(folder))
        reading = threading.Thread(target=_read, args=(process.stderr, server.lines), daemon=True)
        reading.start()
        try:
            _wait_until_it_listens(server)
            yield server
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(200)
            reading.join(10)
            process.stderr.close()


def _read(stream: IO[str], lines: list[str]) -> None:
    for line in stream:
        lines.append(line)


def _wait_until_it_listens(server: Served, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.process.poll() is None:
        if found := re.search(r"listening on http://\S+:(\d+) ", server.log):
            server.port = int(found[1])
            server.url = f"http://127.0.0.1:{server.port}"
            return
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {server.log}")
