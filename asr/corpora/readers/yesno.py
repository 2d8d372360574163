"""OpenSLR 1, "yesno": one man says eight words a file, each yes or no.

8 kHz mono WAV, 16 bits; 60 recordings of an anonymous speaker, made for the Kaldi project. (The README of the
archive says that he speaks English, OpenSLR's page says Hebrew; so no language is given here.)

- the corpus has no split of its own; here every second recording of the sorted list is test: 30 and 30. (Kaldi's
  recipe cuts the list in the middle, so that every training utterance begins with NO and every test utterance
  with YES. A network that hears whole utterances learns just that: it found "NYES" there, see docs/log.md.)
- licence: none is stated in the archive; OpenSLR gives it out freely
- address: https://www.openslr.org/resources/1/waves_yesno.tar.gz (4.7 MB) and OpenSLR's mirrors

Two different SHA-256 of the archive are in circulation (both from versions of torchaudio), so none is relied
on; the corpus is known by what it decodes to (`data/yesno.lock.json`). The words are in the file name, 1 for
yes.
"""

from pathlib import Path

from asr.corpora.readers.openslr import addresses
from asr.corpora.reading import CorpusSource, Reader, Splits, audio_files, need_all
from asr.manifest import Utterance

WORDS = ("NO", "YES")
# The corpus's files, each as its eight words read as one number, in base 16.
RECORDINGS = (
    "0f 11 16 22 26 27 28 29 2b 31 34 36 37 38 39 3c 3e 44 46 4a 4b 50 5a 5c 66 67 70 72 75 7a 7f "
    "80 81 83 89 97 a9 b7 ba bd c1 c7 ca cb ce d4 d6 d9 db de e1 e5 e7 ea eb f2 f4 f8 fc ff"
)


def read(folder: Path) -> Splits:
    """Words in upper case, as Kaldi's recipe writes them."""
    present = audio_files(folder)
    names = ["_".join(f"{int(number, 16):08b}") for number in RECORDINGS.split()]
    need_all(f"{folder}: recordings", names, present)
    splits: dict[str, list[Utterance]] = {"train": [], "test": []}
    for number, name in enumerate(names):
        text = " ".join(WORDS[int(digit)] for digit in name.split("_"))
        utterance = Utterance(name, str(present[name]), 0.0, text, speaker="anonymous")
        splits["test" if number % 2 else "train"].append(utterance)
    return splits


READER = Reader(
    name="yesno",
    title="OpenSLR 1, yesno",
    licence="not stated; given out freely by OpenSLR",
    layout="waves_yesno/0_1_0_0_1_1_0_1.wav (eight digits, 1 for yes and 0 for no)",
    marker="[01]_[01]_[01]_[01]_[01]_[01]_[01]_[01].*",
    read=read,
    source=CorpusSource(
        archive="waves_yesno.tar.gz",
        urls=addresses(1, "waves_yesno.tar.gz"),
        most=16 << 20,
    ),
)
