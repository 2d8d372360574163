"""LJ Speech 1.1: one woman reads seven books of non-fiction.

22.05 kHz mono WAV, 16 bits; 13,100 clips of 1 to 10 seconds, about 24 hours; recorded in 2016 and 2017 for LibriVox,
cut and transcribed by Keith Ito.

- the corpus has no split of its own, as it was made for synthesis; here chapters LJ049 and LJ050 are test and LJ048
  is dev, so no chapter is in two splits. **There is one speaker**: a test result says nothing of other people
- licence: public domain in the USA, texts (of 1884 to 1964) and audio
- address: https://keithito.com/LJ-Speech-Dataset (2.6 GB); no checksum of it is known here

metadata.csv has the id, the text as printed and the text with numbers and abbreviations written out, parted by |,
with quotes as letters. The third is taken, as it is what is said. It has capitals and punctuation.
"""

from pathlib import Path

from asr.corpora.reading import CorpusSource, Reader, Splits, audio_files, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = "LJSpeech-1.1/metadata.csv and wavs/LJ001-0001.wav"
CHAPTERS = {"LJ048": "dev", "LJ049": "test", "LJ050": "test"}  # all others are of train


def read(folder: Path) -> Splits:
    """In the order of metadata.csv."""
    splits: dict[str, list[Utterance]] = {"train": [], "dev": [], "test": []}
    path = folder / "metadata.csv"
    present = audio_files(folder / "wavs")
    # Not splitlines(): only line feeds part lines here.
    for number, line in enumerate(text_of(path, LAYOUT).split("\n"), 1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("|")
        if len(fields) != 3:
            raise CorpusError(
                f"{path}:{number}: expected `ID|text|normalised text`, found {len(fields)} fields"
            )
        name, printed, said = (" ".join(field.split()) for field in fields)
        utterance = Utterance(name, str(present.get(name, "")), 0.0, said or printed, speaker="LJ", lang="en")
        splits[CHAPTERS.get(name.partition("-")[0], "train")].append(utterance)
    need_all(f"{folder / 'wavs'}: clips", [u.id for each in splits.values() for u in each], present)
    return splits


READER = Reader(
    name="ljspeech",
    title="LJ Speech 1.1",
    licence="public domain",
    layout=LAYOUT,
    marker="wavs/LJ001-0001.*",
    read=read,
    language="en",
    hours=24.0,
    source=CorpusSource(
        archive="LJSpeech-1.1.tar.bz2",
        urls=("https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",),
        most=4 << 30,
    ),
)
