"""Runs that learn from windows, and from short utterances first: by one worker, by two, and killed on the way."""

import signal
from pathlib import Path

from sessions import Moment, Run, ended, facts, recipe

SETTINGS = {"train__window_seconds": 0.5, "train__overlap_seconds": 0.2, "train__curriculum": 2}


def test_one_worker_two_processes_and_killed(corpus: Path, tmp_path: Path) -> None:
    alone = Run(tmp_path / "alone", corpus, recipe(**SETTINGS)).finish()
    assert alone.status == "complete"
    together = Run(tmp_path / "together", corpus, recipe(**SETTINGS)).finish(workers=2, processes=2)
    assert facts(together) == facts(alone)
    killed = Run(tmp_path / "killed", corpus, recipe(**SETTINGS, train__checkpoint_seconds=1e-6))
    assert ended(killed.forked(dies=Moment("os.rename", "checkpoint", 7))) == -signal.SIGKILL
    assert facts(killed.finish()) == facts(alone)
