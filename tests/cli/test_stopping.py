"""Signals: the first one asks, and what a second one does depends on who may have sent it."""

import os
import signal
import subprocess
import sys

import pytest

from asr.cli.stopping import StopOnSignal


def test_the_second_stops_at_once() -> None:
    stop = StopOnSignal(quiet=True)
    with stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.status == 128 + signal.SIGTERM


def test_under_a_launcher_it_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    """SLURM signals all processes of a job, and torchrun passes on what it gets: two for one wish."""
    stop = StopOnSignal(again=False)
    with stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
    assert stop.is_asked()
    assert capfd.readouterr().err == "\nasr: stopping after this step\n"


ORPHAN = """
import os, signal, sys, time
from asr.cli.stopping import StopOnSignal, stop_without_parent
stop_without_parent()
stop = StopOnSignal(quiet=True)
with stop:
    print(os.getpid(), flush=True)
    give_up = time.monotonic() + 60
    while not stop.is_asked() and time.monotonic() < give_up:
        time.sleep(0.02)
print("asked" if stop.is_asked() else "not asked", flush=True)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True)
time.sleep(60)
"""


def test_a_process_whose_launcher_was_killed_is_asked_to_stop() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, ORPHAN], stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert parent.stdout
            assert parent.stdout.readline()  # it is there
            parent.kill()
            assert parent.stdout.readline() == "asked\n"
        finally:
            parent.kill()
