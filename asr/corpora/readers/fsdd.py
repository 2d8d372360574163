"""Free Spoken Digit Dataset: single English digits.

8 kHz mono WAV, 16 bits; 3,000 recordings: six speakers say each of ten digits fifty times.

- train: takes 5 to 49, 2,700 recordings
- test: takes 0 to 4, 300 recordings, as the corpus defines it; **the speakers are those of train**
- licence: CC BY-SA 4.0
- address: https://github.com/Jakobovski/free-spoken-digit-dataset, release v1.0.10 (earlier ones have fewer
  speakers)

The archive is packed by GitHub when asked for, so no SHA-256 of it is published or would last; the corpus is
known by what it decodes to (`data/fsdd.lock.json`). The words are in the file names: DIGIT_SPEAKER_TAKE.
"""

import re
from pathlib import Path

from asr.corpora.reading import CorpusSource, Reader, Splits, audio_files, need_all, some
from asr.errors import CorpusError
from asr.manifest import Utterance

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEST_TAKES = 5  # takes 0 to 4
NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<take>\d+)")


def read(folder: Path) -> Splits:
    """Every digit, speaker and take, in this order; words in lower case."""
    present = audio_files(folder)
    names = {name: match for name in present if (match := NAME.fullmatch(name))}
    if strange := sorted(present.keys() - names.keys()):
        raise CorpusError(
            f"{folder}: file names that are not DIGIT_SPEAKER_TAKE: {some(strange)}; remove them"
        )
    speakers = sorted({match["speaker"] for match in names.values()})
    takes = 1 + max((int(match["take"]) for match in names.values()), default=-1)
    splits: dict[str, list[Utterance]] = {"train": [], "test": []}
    needed = []
    for digit, word in enumerate(WORDS):
        for speaker in speakers:
            for take in range(takes):
                name = f"{digit}_{speaker}_{take}"
                needed.append(name)
                split = "test" if take < TEST_TAKES else "train"
                path = str(present.get(name, ""))
                splits[split].append(Utterance(name, path, 0.0, word, speaker=speaker, lang="en"))
    need_all(f"{folder}: recordings", needed, present)
    return splits


READER = Reader(
    name="fsdd",
    title="Free Spoken Digit Dataset",
    licence="CC BY-SA 4.0",
    layout="recordings/DIGIT_SPEAKER_TAKE.wav",
    marker="[0-9]_[a-z]*_[0-9]*.*",
    read=read,
    language="en",
    source=CorpusSource(
        archive="free-spoken-digit-dataset-1.0.10.tar.gz",
        urls=(
            "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
            "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/tar.gz/refs/tags/v1.0.10",
        ),
        most=256 << 20,
    ),
)
