"""What a process has started is found, measured and ended."""

import subprocess
import time

import pytest
from benchmarked import is_alive, wait_for

from asr.benchmark.process_tree import cpu_seconds, descendants, end_tree, peak_of, resident, with_own_memory

NOBODY = 2**22 + 1  # above the most that Linux gives


def test_a_tree_is_seen_and_ended() -> None:
    """A shell with a child in a session of its own, whose child sleeps."""
    script = "setsid sh -c 'sleep 60; true' & sleep 60; true"
    begun = subprocess.Popen(["sh", "-c", script])
    wait_for(lambda: len(descendants(begun.pid)) >= 3)
    below = descendants(begun.pid)
    assert resident([begun.pid]) > 50_000
    assert resident([begun.pid, *below]) > resident([begun.pid])
    assert all(peak_of(each) >= 50_000 for each in below)
    end_tree(begun.pid)
    begun.wait()
    wait_for(lambda: not any(map(is_alive, below)))


def test_who_shares_all_memory_counts_once() -> None:
    one, other = subprocess.Popen(["sleep", "30"]), subprocess.Popen(["sh", "-c", "sleep 30; true"])
    try:
        wait_for(lambda: peak_of(one.pid) > 0 and len(descendants(other.pid)) == 1)
        assert with_own_memory([one.pid, one.pid, other.pid, NOBODY]) == [one.pid, other.pid]
    finally:
        end_tree(one.pid)
        end_tree(other.pid)
        one.wait()
        other.wait()


def test_processor_time() -> None:
    begun = subprocess.Popen(["sh", "-c", "while true; do :; done"])
    try:
        wait_for(lambda: cpu_seconds([begun.pid]) >= 0.05)
    finally:
        begun.kill()
        begun.wait()
    sleeping = subprocess.Popen(["sleep", "30"])
    time.sleep(0.05)
    assert cpu_seconds([sleeping.pid]) <= 0.02
    sleeping.kill()
    sleeping.wait()


@pytest.mark.parametrize("what", [lambda: descendants(NOBODY), lambda: resident([NOBODY]), lambda: peak_of(NOBODY),
                                  lambda: cpu_seconds([NOBODY]), lambda: end_tree(NOBODY)])  # fmt: skip
def test_who_is_not_there_is_nothing(what: object) -> None:
    assert callable(what)
    assert not what()
