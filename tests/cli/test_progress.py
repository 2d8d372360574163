"""Progress: bars on a terminal, a line an epoch in a file."""

import io
from typing import Any

import miniature
import pytest
from rich.console import Console

from asr.cli import progress
from asr.cli.progress import RunProgress
from asr.training.reports import EpochReport, StepReport


def epoch(number: int, **changes: Any) -> EpochReport:
    settings: dict[str, Any] = {
        "epoch": number,
        "steps": 4,
        "learning_rate": 1e-3,
        "train_loss": 0.12345,
        "clipped": 0.5,
        "gradient_norms": {},
        "dev": {"wer": 0.0876, "cer": 0.04},
        "best": True,
        "seconds": 12.34,
        "warnings": [],
    }
    return EpochReport(**settings | changes)


def shown(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> str:
    written = io.StringIO()

    def console(**_: Any) -> Console:
        return Console(file=written, force_terminal=terminal, width=150, legacy_windows=False)

    monkeypatch.setattr(progress, "Console", console)
    with RunProgress(miniature.recipe(train__epochs=3)) as shows:
        for done in (0, 50, 100):
            shows.on_progress("decode an4", done, 100)
        for step in range(1, 5):
            shows.on_step(StepReport(epoch=0, step=step, steps=4, loss=1.5, audio_seconds=30.0))
        shows.on_epoch(epoch(1))
        shows.on_message("left out of training: an[7]: its text is empty")
        shows.on_step(StepReport(epoch=1, step=1, steps=4, loss=0.75, audio_seconds=30.0))
        if terminal:
            shows._bar.refresh()  # what a terminal would show by now
        shows.on_epoch(epoch(2, best=False, warnings=["gradient vanishes in recurrent.0"]))
    return written.getvalue()


def test_lines_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=False).splitlines() == [
        "decode an4",
        "training",
        "epoch   1/3  loss 0.1235 nats/token  dev WER  8.76%  CER  4.00%  12.3 s *",
        "left out of training: an[7]: its text is empty",
        "epoch   2/3  loss 0.1235 nats/token  dev WER  8.76%  CER  4.00%  12.3 s",
        "epoch 2: gradient vanishes in recurrent.0",
    ]


def test_bar_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, terminal=True)
    assert "epoch 2/3 loss 0.750" in text
    assert "x real time" in text
    assert "dev WER 8.8%" in text
    assert "5/12" in text  # steps of all epochs
    assert "an[7]" in text  # not taken for a colour
