"""A process and all that it has started: how much memory they hold, by what the kernel says in /proc; and their end."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc/self")


def descendants(process: int) -> list[int]:
    """Ids of all processes below this one, nearest first; of what ends meanwhile nothing."""
    found: list[int] = []
    level = [process]
    while level:
        level = [child for parent in level for child in _children(parent)]
        found += level
    return found


def _children(process: int) -> list[int]:
    """By the list that each of its threads has; Linux keeps it since 3.5."""
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
        except OSError:
            continue
    return found


def with_own_memory(processes: Iterable[int]) -> list[int]:
    """Those of them that do not share all of it with one before: a child that has not yet begun its program does."""
    seen: set[str] = set()
    found = []
    for process in processes:
        try:
            sizes = Path(f"/proc/{process}/statm").read_text(encoding="ascii")
        except OSError:
            continue
        if sizes not in seen:
            seen.add(sizes)
            found.append(process)
    return found


def resident(processes: Iterable[int]) -> int:
    """Bytes of memory that these hold now, together; what two of them share counts twice."""
    pages = 0
    for process in processes:
        try:
            pages += int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError, ValueError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(processes: Iterable[int]) -> float:
    """Seconds of processor time that these have used so far, with the children that they have waited for; by the
    kernel's clock of 10 ms, mostly."""
    ticks = 0
    for process in processes:
        try:
            line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
            ticks += sum(map(int, line.rpartition(")")[2].split()[11:15]))
        except (OSError, ValueError):
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_of(process: int) -> int:
    """Bytes, the most that one process has held so far, as the kernel has kept it; 0 where nobody knows."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def end_tree(process: int, status: int = 0) -> None:
    """Kills what a process has started, whatever group it is in, then the process itself.

    Args:
        status: with which this process ends, if it is the one.
    """
    ourselves = process == os.getpid()
    if not ourselves:
        _send(process, signal.SIGSTOP)  # so that it starts nothing more
    for each in reversed(descendants(process)):
        _send(each, signal.SIGKILL)
    if ourselves:
        os._exit(status)
    _send(process, signal.SIGKILL)


def _send(process: int, what: signal.Signals) -> None:
    try:
        os.kill(process, what)
    except ProcessLookupError:
        return  # it has ended
