"""A miniature corpus in AN4's layout, spoken by sine tones (every letter has its pitch), and a recipe to match.

It is made in a blink and learned in seconds, so that a whole run can be tested, killed and started again.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.manifest import Utterance
from asr.randomness import numpy_generator
from asr.recipe import Recipe
from asr.recipe_file import recipe_from_tree

RATE = 8_000  # Hz
WORDS = ("GO", "NO", "SEE", "YES", "ONE")
LETTERS = sorted(set("".join(WORDS)))
SPEAKERS = {"train": ("anna", "bert", "cleo", "dora"), "test": ("emil", "fred")}
LETTER, GAP = 0.09, 0.07  # seconds


def words_of(name: str) -> str:
    """One to three words, drawn by the utterance's name."""
    generator = numpy_generator(1, "miniature-words", name)
    return " ".join(generator.choice(WORDS, size=int(generator.integers(1, 4))).tolist())


def speech(text: str, name: str, rate: int = RATE) -> np.ndarray:
    """(samples,) float64: a tone a letter, a little noise, silence at the ends and between letters."""
    pieces = [np.zeros(int(GAP * rate))]
    for letter in text:
        seconds = np.arange(int(LETTER * rate)) / rate
        pitch = 300 + 370 * LETTERS.index(letter) if letter in LETTERS else 150  # words are parted by a hum
        pieces += [0.4 * np.sin(2 * np.pi * pitch * seconds), np.zeros(int(0.02 * rate))]
    clean = np.concatenate([*pieces, np.zeros(int(GAP * rate))])
    noise = numpy_generator(1, "miniature-noise", name).standard_normal(len(clean))
    return np.asarray(clean + 0.003 * noise)


def write_corpus(parent: Path, train: int = 24, test: int = 6, suffix: str = ".wav") -> Path:
    """A folder an4/ with so many utterances; those of train are spread over four speakers."""
    root = parent / "an4"
    (root / "etc").mkdir(parents=True)
    for split, count, folder in (("train", train, "an4_clstk"), ("test", test, "an4test_clstk")):
        ids, lines = [], []
        for number in range(count):
            speaker = SPEAKERS[split][number % len(SPEAKERS[split])]
            name = f"an{number}-{speaker}-b"
            path = root / "wav" / folder / speaker / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = words_of(name)
            soundfile.write(path, speech(text, name), RATE, subtype="PCM_16")
            ids.append(f"{folder}/{speaker}/{name}\n")
            lines.append(f"<s> {text} </s> ({name})\n")
        (root / "etc" / f"an4_{split}.fileids").write_text("".join(ids))
        (root / "etc" / f"an4_{split}.transcription").write_text("".join(lines))
    return root


def write_utterances(folder: Path, texts: Sequence[str]) -> list[Utterance]:
    """A file and an utterance for each text, with ids u0, u1, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    utterances = []
    for number, text in enumerate(texts):
        path = folder / f"u{number}.wav"
        samples = speech(text, path.name)
        soundfile.write(path, samples, RATE, subtype="PCM_16")
        utterances.append(
            Utterance(f"u{number}", str(path), len(samples) / RATE, text, speaker=f"s{number % 3}")
        )
    return utterances


TREE: dict[str, Any] = {
    "name": "miniature",
    "corpus": {"name": "an4", "dev_speakers": 1, "waive": ["texts"]},
    "front_end": {"sample_rate": RATE, "mels": 20},
    "model": {
        "convolutions": [{"channels": 4, "stride": [2, 2]}],
        "projection": 16,
        "layers": 2,
        "hidden": 16,
        "dropout": 0.1,
    },
    "augment": {"noise_probability": 0.5},
    "train": {
        "epochs": 3,
        "utterances": 3,
        "micro_batches": 2,
        "learning_rate": 0.01,
        "averaging": 0.9,
        "checkpoint_seconds": 600.0,
    },
    "score": {"bootstrap": 50},
}


def recipe(**changes: Any) -> Recipe:
    """The miniature recipe with some keys changed: `recipe(train__epochs=5, seed=2)`."""
    tree = {key: dict(value) if isinstance(value, dict) else value for key, value in TREE.items()}
    for key, value in changes.items():
        table, _, last = key.rpartition("__")
        (tree.setdefault(table, {}) if table else tree)[last] = value
    return recipe_from_tree(tree, "miniature")


def on_step(count: int) -> Callable[[], bool]:
    """A `should_stop` that says yes from the given step of this session on."""
    asked = [0]

    def should_stop() -> bool:
        asked[0] += 1
        return asked[0] >= count

    return should_stop


@functools.cache
def trained(folder: Path) -> tuple[Path, Path]:
    """A corpus, and a run that has learned its language of tones by heart; made once for each folder.

    Give it `tmp_path_factory.getbasetemp()`, so that all tests share one.
    """
    from asr.runs.options import RunOptions
    from asr.runs.run import run

    quiet = {"frequency_masks": 0, "time_masks": 0}
    settings = recipe(spec_augment=quiet, augment={"speed": [1.0]}, model__dropout=0.0, train__epochs=14)
    home = folder / "trained"
    corpus = write_corpus(home, train=64, test=8)
    options = RunOptions(
        corpus=corpus,
        out=home / "run",
        cache=home / "cache",
        check_lock=False,
        command="asr run miniature.toml",
    )
    return corpus, run(settings, options)[0]
