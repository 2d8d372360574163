"""A short run whose recipe asks for a search, for tests of what makes, checks, shows and repeats it."""

import functools
from pathlib import Path

import miniature

from asr.runs.options import RunOptions
from asr.runs.run import run

SENTENCES = "go no\nsee yes one\nno one\nyes\n"
RECIPE = miniature.recipe(
    spec_augment={"frequency_masks": 0, "time_masks": 0},
    augment={"speed": [1.0]},
    model__dropout=0.0,
    train__epochs=3,
    decoder={
        "kind": "beam",
        "language_model": "lm/text.txt",
        "order": 2,
        "lexicon": "train",
        "beam": 8,
        "tune": True,
        "lm_weights": [0.5, 1.0],
        "word_scores": [0.0, 1.0, 2.0],
        "prior_weights": [0.0, 0.3],
    },
)


def options(home: Path, out: str) -> RunOptions:
    """Of runs under `home`, which has the corpus and the file that the recipe names."""
    return RunOptions(
        corpus=home / "an4",
        out=home / out,
        files=(home,),
        cache=home / "cache",
        check_lock=False,
        command="asr run miniature.toml",
    )


@functools.cache
def finished(folder: Path) -> Path:
    """Under `folder`: a corpus in an4/, the text in lm/, a cache/, and in run/, which is given back, a complete run.

    Made once for each folder; none of it is to be changed. Give it one in `tmp_path_factory.getbasetemp()`, so that
    all tests share it.
    """
    (folder / "lm").mkdir(parents=True)
    (folder / "lm" / "text.txt").write_text(SENTENCES, encoding="utf-8")
    miniature.write_corpus(folder, train=20, test=5)
    return run(RECIPE, options(folder, "run"))[0]
