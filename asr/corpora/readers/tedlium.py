"""TED-LIUM 3, OpenSLR 51: talks of TED, cut and transcribed.

16 kHz mono NIST SPHERE, a file a talk (F. Hernandez et al., "TED-LIUM 3: twice as much data and corpus repartition
for experiments on speaker adaptation", SPECOM 2018). The splits are those of the "legacy" distribution, with the same
dev and test talks as in TED-LIUM 1 and 2:

- train: 2,351 talks, 452 hours, 268,263 segments; transcripts were made automatically and aligned
- dev and test: 19 talks together, transcribed by hand
- licence: CC BY-NC-ND 3.0; the talks are property of TED Conferences LLC
- address: https://www.openslr.org/51, TEDLIUM_release-3.tgz (54 GB), to be unpacked with tar; name the folder

Transcripts are in STM files: talk, channel, speaker, begin, end, label, words; lower-case, without punctuation. What
is not said is taken off: <sil>, {NOISE} and alike, numbers of pronunciations as in "the(2)", a name in brackets at
the end. Endings that stand apart are joined to their words: "it 's" becomes "it's". <unk> stands for a word that was
said and is not in the corpus's dictionary: such a segment is left out of train; in dev and test the segment stays and
the mark goes, so that whatever is heard there counts as an insertion. Segments that are to be ignored in scoring are
left out. Times of neighbouring segments may overlap by a little.
"""

import re
from pathlib import Path

from asr.corpora.reading import Reader, Splits, audio_files, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = "TEDLIUM_release-3/legacy/{train,dev,test}/{sph/*.sph,stm/*.stm}"
IGNORED = "ignore_time_segment_in_scoring"
UNKNOWN = "<unk>"
ENDINGS = frozenset(("'s", "'re", "'ve", "'ll", "'d", "'m", "'t"))
# Other marks between brackets, numbers of pronunciations, and the name of the segment at the end of a line.
MARKS = re.compile(r"<sil>|\{[^}]*\}|\[[^\]]*\]|\(\d+\)|\([^ ()]*\)$")


def read(folder: Path) -> Splits:
    """Segment after segment, talks in the order of their names; each is its talk's name and its line, from 0."""
    return {split: _read_split(folder / "legacy" / split, split) for split in ("train", "dev", "test")}


def _read_split(folder: Path, split: str) -> list[Utterance]:
    paths = sorted((folder / "stm").glob("*.stm"))
    if not paths:
        raise CorpusError(f"{folder / 'stm'}: no transcripts in it; expected {LAYOUT}")
    sounds = audio_files(folder / "sph")
    need_all(f"{folder / 'sph'}: talks", [path.stem for path in paths], sounds)
    utterances = []
    for path in paths:
        for number, line in enumerate(text_of(path, LAYOUT).splitlines()):
            if not line.strip() or line.startswith(";;"):
                continue
            utterance = _utterance(
                line, f"{path}:{number + 1}", f"{path.stem}-{number}", sounds[path.stem], split
            )
            if utterance is not None:
                utterances.append(utterance)
    return utterances


def _utterance(line: str, where: str, name: str, sound: Path, split: str) -> Utterance | None:
    fields = line.split(maxsplit=6)
    try:
        begin, end = float(fields[3]), float(fields[4])
    except (IndexError, ValueError):
        raise CorpusError(
            f"{where}: expected `TALK CHANNEL SPEAKER BEGIN END LABEL WORDS`, found {line!r:.60}"
        ) from None
    words = fields[6] if len(fields) > 6 else ""
    if IGNORED in words or (split == "train" and UNKNOWN in words.split()):
        return None
    text = words_of(words)
    if not text:
        return None
    if not 0 <= begin < end:
        raise CorpusError(f"{where}: from {begin:g} to {end:g} s is no stretch of sound")
    return Utterance(
        name, str(sound), round(end - begin, 6), text, speaker=fields[2], offset=begin, lang="en"
    )


def words_of(given: str) -> str:
    """What is said, of the words of a line."""
    words: list[str] = []
    for word in MARKS.sub(" ", given.strip()).replace(UNKNOWN, " ").split():
        if word in ENDINGS and words:
            words[-1] += word
        else:
            words.append(word)
    return " ".join(words)


READER = Reader(
    name="tedlium",
    title="TED-LIUM 3",
    licence="CC BY-NC-ND 3.0",
    layout=LAYOUT,
    marker="legacy/test/stm",
    read=read,
    language="en",
    hours=452.0,
    obtain="https://www.openslr.org/51, unpacked with tar",
)
