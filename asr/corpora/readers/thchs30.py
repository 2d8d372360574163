"""THCHS-30, OpenSLR 18: Mandarin read by students of Tsinghua University.

16 kHz mono WAV, 16 bits (D. Wang and X. Zhang, "THCHS-30: a free Chinese speech corpus", arXiv:1512.01882).

- train: 10,000 utterances, 25 hours; dev: 893, 2.2 hours; test: 2,495, 6.2 hours
- licence: Apache 2.0
- address: https://www.openslr.org/18, data_thchs30.tgz (6.4 GB). Its README says that train, dev and test hold
  symbolic links, which are not unpacked here: unpack it with tar and name the folder

ID.wav.trn in the folder data has three lines: the words, their pinyin with tones, and their phones. The first is
taken, without the blanks between words, which Mandarin does not write; what is scored is characters
(`score.unit = "character"`). Whether texts of test are heard in training, too, a run finds out.
"""

from pathlib import Path

from asr.corpora.reading import Reader, Splits, audio_files, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = "data_thchs30/{train,dev,test}/A11_0.wav and data_thchs30/data/A11_0.wav.trn"


def read(folder: Path) -> Splits:
    """What the three folders name, in the order of names."""
    return {split: _read_split(folder, split) for split in ("train", "dev", "test")}


def _read_split(folder: Path, split: str) -> list[Utterance]:
    sounds = audio_files(folder / split)
    if not sounds:
        raise CorpusError(f"{folder / split}: no recordings in it; expected {LAYOUT}")
    texts = {path.name.removesuffix(".wav.trn"): path for path in (folder / "data").glob("*.wav.trn")}
    need_all(f"{folder / 'data'}: transcripts of {split}", sorted(sounds), texts)
    utterances = []
    for name, sound in sorted(sounds.items()):
        text = "".join(text_of(texts[name], LAYOUT).partition("\n")[0].split())
        speaker = name.partition("_")[0]
        utterances.append(Utterance(name, str(sound), 0.0, text, speaker=speaker, lang="zh"))
    return utterances


READER = Reader(
    name="thchs30",
    title="THCHS-30",
    licence="Apache 2.0",
    layout=LAYOUT,
    marker="data/*.wav.trn",
    read=read,
    language="zh",
    hours=33.5,
    obtain="https://www.openslr.org/18, unpacked with tar",
)
