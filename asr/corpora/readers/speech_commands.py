"""Speech Commands 0.02: 35 words, each said by many people, a second each.

16 kHz mono WAV, 16 bits; 105,829 recordings of 2,618 speakers (P. Warden, "Speech commands: a dataset for
limited-vocabulary speech recognition", arXiv:1804.03209).

- dev and test: as validation_list.txt and testing_list.txt say; train: all others. A speaker is in one of them only
- licence: CC BY 4.0
- address: https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz (2.4 GB); no
  checksum of it is known here

The word is the folder's name, the speaker is what stands before _nohash_ in the file's name. _background_noise_ is
not speech and not used. The same words are said in all splits, so a recipe has to waive texts.
"""

from pathlib import Path

from asr.corpora.reading import CorpusSource, Reader, Splits, audio_files, need_all, text_of
from asr.manifest import Utterance

LAYOUT = "WORD/SPEAKER_nohash_NUMBER.wav, validation_list.txt and testing_list.txt"
LISTS = {"dev": "validation_list.txt", "test": "testing_list.txt"}


def read(folder: Path) -> Splits:
    """In the order of their names."""
    sounds = {
        name: path
        for name, path in audio_files(folder).items()
        if "_nohash_" in name and name.count("/") == 1
    }
    listed: dict[str, str] = {}
    for split, name in LISTS.items():
        names = [
            line.strip().removesuffix(".wav")
            for line in text_of(folder / name, LAYOUT).splitlines()
            if line.strip()
        ]
        need_all(f"{folder}: recordings of {name}", names, sounds)
        listed |= dict.fromkeys(names, split)
    splits: dict[str, list[Utterance]] = {"train": [], "dev": [], "test": []}
    for name, path in sorted(sounds.items()):
        word, _, file = name.partition("/")
        speaker = file.partition("_nohash_")[0]
        splits[listed.get(name, "train")].append(
            Utterance(name, str(path), 0.0, word, speaker=speaker, lang="en")
        )
    return splits


READER = Reader(
    name="speech_commands",
    title="Speech Commands 0.02",
    licence="CC BY 4.0",
    layout=LAYOUT,
    marker="testing_list.txt",
    read=read,
    language="en",
    hours=29.0,
    source=CorpusSource(
        archive="speech_commands_v0.02.tar.gz",
        urls=(
            "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
            "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        ),
        most=4 << 30,
    ),
)
