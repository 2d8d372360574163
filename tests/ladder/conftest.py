"""What the levels share: one corpus, and the run that all others must come out as."""

from pathlib import Path

import miniature
import pytest
import sessions

from asr.runs.record import Record


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature corpus, which no test changes."""
    return miniature.write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def uninterrupted(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """In one go, in a fresh process, on one worker."""
    run = sessions.Run(tmp_path_factory.mktemp("uninterrupted"), corpus, sessions.recipe())
    assert run.fresh().wait(sessions.PATIENCE) == 0, run.said
    record = run.record
    assert [entry.step for entry in record.trail] == list(range(sessions.STEPS + 1))
    assert {True, False} <= {
        epoch.best for epoch in record.epochs[1:]
    }  # the development data decide something
    return record
