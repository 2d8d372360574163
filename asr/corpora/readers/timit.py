"""TIMIT, LDC93S1: 630 Americans of eight dialect regions read ten sentences each.

16 kHz mono, 16 bits, NIST SPHERE although the files are called .WAV (J. Garofolo et al., 1993).

- train: 462 speakers, 3,696 utterances
- test: the core test set, 24 speakers, 192 utterances
- dev: 50 other speakers of the test part, 400 utterances, those that Kaldi's recipe lists
- the two "SA" sentences, which all speakers read, are left out, as is usual; so is the rest of the test part
- licence: LDC User Agreement; not to be given away
- address: https://catalog.ldc.upenn.edu/LDC93S1, so nothing is downloaded here

ID.TXT has the number of the first and of the last sample and then the sentence, with capitals and punctuation.
Folders are TRAIN/DR1/FCJF0 and so on, in copies also in lower case or with names like SA1.WAV.wav. An id is speaker
and sentence, such as fcjf0_si1027. ID.PHN has phones, which are not used here.
"""

import re
from pathlib import Path

from asr.corpora.reading import Reader, Splits, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = "TIMIT/{TRAIN,TEST}/DR1/FCJF0/{SI1027.WAV,SI1027.TXT}"
_CORE = (
    "mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0 mbpm0 mklt0 fnlp0 mcmj0 mjdh0 fmgd0 "
    "mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0"
)
_DEV = (
    "faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 fdms0 fedw0 mgjf0 mglb0 "
    "mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0 mbns0 mmjr0 mdls0 mdlf0 mdvc0 mers0 fmah0 fdrw0 mrcs0 mrjm4 "
    "fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 fgjd0 fjmg0 mroa0 mteb0 mjfc0 mrjr0 fmml0 mrws1"
)
CORE, DEV = frozenset(_CORE.split()), frozenset(_DEV.split())
LINE = re.compile(r"\s*\d+\s+\d+\s+(?P<words>\S.*?)\s*")


def read(folder: Path) -> Splits:
    """In the order of regions, speakers and sentences."""
    splits: dict[str, list[Utterance]] = {"train": [], "dev": [], "test": []}
    sounds: dict[str, Path] = {}
    texts: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.*"), key=lambda path: path.as_posix().lower()):
        part, *_, speaker = (each.lower() for each in path.relative_to(folder).parts[:-1] or ("",))
        sentence, kind = path.name.lower().split(".", 1)
        name = f"{part}/{speaker}_{sentence}"
        if part in ("train", "test") and not sentence.startswith("sa"):
            if kind in ("wav", "sph", "flac", "wav.wav"):
                sounds[name] = path  # of SA1.WAV and SA1.WAV.wav, the later in this order
            elif kind == "txt":
                texts[name] = path
    need_all(f"{folder}: recordings of its texts", texts, sounds)
    for name, path in texts.items():
        speaker = name.partition("/")[2].partition("_")[0]
        split = "train" if name.startswith("train/") else _split_of(speaker)
        if split is not None:
            text = _words(path)
            splits[split].append(
                Utterance(name.partition("/")[2], str(sounds[name]), 0.0, text, speaker=speaker, lang="en")
            )
    return splits


def _split_of(speaker: str) -> str | None:
    """Of the test part; None: not used."""
    return "test" if speaker in CORE else "dev" if speaker in DEV else None


def _words(path: Path) -> str:
    line = text_of(path, LAYOUT)
    match = LINE.fullmatch(line)
    if match is None:
        raise CorpusError(f"{path}: expected `FIRST LAST sentence`, found {line!r:.60}")
    return " ".join(match["words"].split())


READER = Reader(
    name="timit",
    title="TIMIT, 1993",
    licence="LDC User Agreement",
    layout=LAYOUT,
    marker="[Tt][Rr][Aa][Ii][Nn]/[Dd][Rr]1",
    read=read,
    language="en",
    hours=5.4,
    obtain="LDC93S1, of the Linguistic Data Consortium",
)
