"""A short run that is run again, for tests of what reproduces and audits it."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import miniature
import soundfile

from asr.claims.reproduction import Reproduction
from asr.runs.options import RunOptions
from asr.runs.run import run
from asr.runs.watcher import RunWatcher
from asr.training.reports import StepReport

STEPS, KEPT = 9, 6  # of the training, and after which a checkpoint was kept
RECIPE = miniature.recipe(train__digest_every=2, train__keep_checkpoints=1)

Again = Callable[..., Reproduction]  # the fixture of this name


class Told(RunWatcher):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.steps = 0

    def on_message(self, text: str) -> None:
        self.messages.append(text)

    def on_step(self, report: StepReport) -> None:
        self.steps += 1


@functools.cache
def finished(folder: Path) -> Path:
    """Under `folder`: a corpus in an4/, a cache/, and in run/, which is given back, a run on two workers.

    Made once for each folder; none of it is to be changed. Give it one in `tmp_path_factory.getbasetemp()`, so that
    all tests share it.
    """
    folder.mkdir()
    corpus = miniature.write_corpus(folder)
    options = RunOptions(
        corpus=corpus,
        out=folder / "run",
        cache=folder / "cache",
        workers=2,
        check_lock=False,
        command="asr run miniature.toml",
    )
    path, record = run(RECIPE, options)
    assert [entry.step for entry in record.trail] == [0, 2, 3, 4, KEPT, 8, STEPS]
    assert list(record.checkpoints) == [f"checkpoints/step-{KEPT:07d}.safetensors"]
    return path


def with_one_bit_changed(corpus: Path, name: str, into: Path) -> Path:
    """A copy of a corpus in which the last bit of one sample of one file is another."""
    shutil.copytree(corpus, into / corpus.name)
    (path,) = (into / corpus.name).rglob(f"{name}.wav")
    samples, rate = soundfile.read(path, dtype="int16")
    samples[len(samples) // 2] ^= 1
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return into / corpus.name
