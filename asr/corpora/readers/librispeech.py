"""LibriSpeech, OpenSLR 12, and Mini LibriSpeech, OpenSLR 31: English audiobooks of LibriVox.

16 kHz mono FLAC (V. Panayotov et al., "Librispeech: an ASR corpus based on public domain audio books", ICASSP 2015).
Its parts, with utterances, hours and speakers:

- train-clean-100: 28,539, 100.6 h, 251; train-clean-360: 104,014, 363.6 h, 921; train-other-500: 148,688, 496.7 h,
  1,166
- dev-clean: 2,703, 5.4 h, 40; dev-other: 2,864, 5.3 h, 33
- test-clean: 2,620, 5.4 h, 40; test-other: 2,939, 5.1 h, 33
- Mini LibriSpeech: train-clean-5 and dev-clean-2, parts of train-clean-100 and dev-clean, so never together with them
- no speaker is in two of train, dev and test
- licence: CC BY 4.0
- address: https://www.openslr.org/12 and https://www.openslr.org/31 with an MD5 of each archive, and mirrors

`corpus.parts` chooses; without it train-clean-100, dev-clean and test-clean are used. Training parts are put
together, so are development and test parts: for two test results make two runs. Development data of its own is used
with `dev_split = "dev"`.

Words are upper-case without punctuation, a chapter's in one SPEAKER-CHAPTER.trans.txt.
"""

import re
from pathlib import Path

from asr.corpora.readers.openslr import addresses
from asr.corpora.reading import CorpusSource, Part, Reader, Splits, audio_files, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LINE = re.compile(r"(?P<id>(?P<speaker>\d+)-\d+-\d+)\s+(?P<words>\S.*)")
LAYOUT = "LibriSpeech/PART/SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac and SPEAKER-CHAPTER.trans.txt"
# Name, number at OpenSLR, GiB that a mirror may send, MD5 as OpenSLR states it.
ARCHIVES = (
    ("train-clean-5", 31, 1, "5df7d4e78065366204ca6845bb08f490"),
    ("train-clean-100", 12, 8, "2a93770f6d5c6c964bc36631d331a522"),
    ("train-clean-360", 12, 28, "c0e676e450a7ff2f54aeade5171606fa"),
    ("train-other-500", 12, 36, "d1a0fd59409feb2c614ce4d30c387708"),
    ("dev-clean-2", 31, 1, "6d7ab67ac6a1d2c993d050e16d61080d"),
    ("dev-clean", 12, 1, "42e2234ba48799c1f50f24a7926300a1"),
    ("dev-other", 12, 1, "c8d0bcc9cca99d4f8b62fcc847357931"),
    ("test-clean", 12, 1, "32fa31d27d2e1cad72775fee3f4849a9"),
    ("test-other", 12, 1, "fb5a50374b501bb3bac4815ee91d3135"),
)


def read(folder: Path) -> Splits:
    """One part, in the order of its ids; its name says which split it belongs to."""
    words: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.rglob("*.trans.txt")):
        for number, line in enumerate(text_of(path, LAYOUT).splitlines(), 1):
            if not line.strip():
                continue
            match = LINE.fullmatch(line.strip())
            if match is None:
                raise CorpusError(
                    f"{path}:{number}: expected `SPEAKER-CHAPTER-NUMBER WORDS`, found {line!r:.60}"
                )
            words[match["id"]] = (match["speaker"], match["words"])
    if not words:
        raise CorpusError(f"{folder}: no transcripts in it; expected {LAYOUT}")
    present = {Path(name).name: path for name, path in audio_files(folder).items()}
    need_all(f"{folder}: audio files of its transcripts", words, present)
    utterances = [
        Utterance(name, str(present[name]), 0.0, text, speaker=speaker, lang="en")
        for name, (speaker, text) in sorted(words.items())
    ]
    return {folder.name.partition("-")[0]: utterances}


READER = Reader(
    name="librispeech",
    title="LibriSpeech and Mini LibriSpeech",
    licence="CC BY 4.0",
    layout=LAYOUT,
    marker="*/*/*.trans.txt",
    read=read,
    language="en",
    hours=982.1,
    parts={
        name: Part(
            name,
            CorpusSource(f"{name}.tar.gz", addresses(number, f"{name}.tar.gz"), most=most << 30, md5=md5),
        )
        for name, number, most, md5 in ARCHIVES
    },
    usual_parts=("train-clean-100", "dev-clean", "test-clean"),
)
