"""CMU AN4 (Census): people spelling names and addresses, saying dates, numbers and command words.

Recorded at Carnegie Mellon University about 1991 with a close-talking microphone (A. Acero, "Acoustical and
environmental robustness in automatic speech recognition", Kluwer 1993). 16 kHz mono NIST SPHERE, 16 bits.

- train: 948 utterances, 42.4 minutes, 74 speakers, 5,442 words
- test: 130 utterances, 5.95 minutes, 10 other speakers, 773 words
- no development set: hold out whole speakers of train
- pronunciations of its words: etc/an4.dic, several of a word in the order of the alphabet, not of preference
- licence: BSD-like, in the archive, "free for use for any purpose (commercial or otherwise)"
- address: http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz (64 MB), with copies that toolkits use

Neither CMU nor the mirrors publish a SHA-256 of the archive and copies are packed differently, so a copy is
known by what it decodes to (`data/an4.lock.json`; data/README.md says how that came about), not by its
archive's digest.

Traps: the lines of the test transcription are in another order than those of its fileids, so both are
joined by id; train transcripts are wrapped in `<s>` and `</s>`, those of test are not; some copies have DOS
line ends.
"""

import re
from pathlib import Path

from asr.corpora.reading import CorpusSource, Reader, Splits, audio_files, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = (
    "wav/{an4_clstk,an4test_clstk}/SPEAKER/ID.sph and etc/an4_{train,test}.{fileids,transcription}, "
    "or a folder an4/ with these in it"
)
LINE = re.compile(r"^(?P<words>.*?)\s*\((?P<id>[^()\s]+)\)\s*$")


def read(folder: Path) -> Splits:
    """Joins fileids, transcription and audio by id. Words are upper-case, as the corpus has them."""
    return {split: _read_split(folder, split) for split in ("train", "test")}


def _read_split(folder: Path, split: str) -> list[Utterance]:
    ids_file = folder / "etc" / f"an4_{split}.fileids"
    words_file = folder / "etc" / f"an4_{split}.transcription"
    names = [line.strip() for line in text_of(ids_file, LAYOUT).splitlines() if line.strip()]
    words = _transcripts(words_file)
    present = audio_files(folder / "wav")
    need_all(f"{folder / 'wav'}: audio files of {ids_file.name}", names, present)
    need_all(f"{words_file}: transcripts", [Path(name).name for name in names], words)
    utterances = []
    for name in names:
        path = Path(name)
        utterances.append(
            Utterance(
                id=path.name,
                audio_filepath=str(present[name]),
                duration=0.0,
                text=words[path.name],
                speaker=path.parent.name,
                lang="en",
            )
        )
    return utterances


def _transcripts(path: Path) -> dict[str, str]:
    words: dict[str, str] = {}
    for number, line in enumerate(text_of(path, LAYOUT).splitlines(), 1):
        if not line.strip():
            continue
        match = LINE.match(line)
        if match is None:
            raise CorpusError(f"{path}:{number}: expected `WORDS (ID)`, found {line.strip()!r}")
        if match["id"] in words:
            raise CorpusError(f"{path}:{number}: second transcript of {match['id']}; remove one")
        words[match["id"]] = " ".join(word for word in match["words"].split() if word not in ("<s>", "</s>"))
    return words


READER = Reader(
    name="an4",
    title="CMU AN4 (Census), 1991",
    licence="BSD-like (Carnegie Mellon University)",
    layout=LAYOUT,
    marker="etc/an4_*.fileids",
    read=read,
    language="en",
    hours=0.8,
    pronunciations="etc/an4.dic",
    source=CorpusSource(
        archive="an4_sphere.tar.gz",
        urls=(
            "https://dldata-public.s3.us-east-2.amazonaws.com/an4_sphere.tar.gz",
            "https://huggingface.co/datasets/espnet/an4/resolve/main/an4_sphere.tar.gz",
            # Last, as nothing protects what comes over plain http but the lock file.
            "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz",
        ),
        most=128 << 20,
    ),
)
