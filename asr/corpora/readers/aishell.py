"""AISHELL-1, OpenSLR 33: 400 people from all over China read Mandarin.

16 kHz mono WAV, 16 bits, of a microphone in a quiet room; more than 170 hours (H. Bu et al., "AISHELL-1: an
open-source Mandarin speech corpus and a speech recognition baseline", O-COCOSDA 2017).

- train: 120,098 utterances, 340 speakers; dev: 14,326, 40; test: 7,176, 20; a speaker is in one of them only
- licence: Apache 2.0
- address: https://www.openslr.org/33, data_aishell.tgz (15 GB) with an MD5, and mirrors

data_aishell/wav has an archive for each speaker in it, which is unpacked as well; who has unpacked the outer one by
hand does the same with these. Of 141,925 recordings 325 have no transcript and are passed over.

Transcripts are cut into words, which Mandarin does not write: the blanks go, and what is scored is characters
(`score.unit = "character"`). A few full-width Latin letters stay; the recipe's text version makes them plain.
"""

from pathlib import Path

from asr.corpora.readers.openslr import addresses
from asr.corpora.reading import CorpusSource, Reader, Splits, audio_files, some, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = (
    "data_aishell/wav/{train,dev,test}/S0002/BAC009S0002W0122.wav and transcript/aishell_transcript_v0.8.txt"
)
TRANSCRIPT = "transcript/aishell_transcript_v0.8.txt"


def read(folder: Path) -> Splits:
    """In the order of their names."""
    if packed := sorted(path.name for path in (folder / "wav").glob("*.tar.gz")):
        raise CorpusError(
            f"{folder / 'wav'}: {len(packed)} archives are still packed: {some(packed)}; unpack each where it lies: "
            "for f in *.tar.gz; do tar -xzf $f && rm $f; done; or name data_aishell.tgz"
        )
    words: dict[str, str] = {}
    path = folder / TRANSCRIPT
    for number, line in enumerate(text_of(path, LAYOUT).splitlines(), 1):
        name, *rest = line.split() or [""]
        if name and not rest:
            raise CorpusError(f"{path}:{number}: {name} has no words")
        words[name] = "".join(rest)
    splits: dict[str, list[Utterance]] = {}
    for split in ("train", "dev", "test"):
        splits[split] = [
            Utterance(Path(name).name, str(sound), 0.0, text, speaker=sound.parent.name, lang="zh")
            for name, sound in sorted(audio_files(folder / "wav" / split).items())
            if (text := words.get(Path(name).name))
        ]
    return splits


READER = Reader(
    name="aishell",
    title="AISHELL-1",
    licence="Apache 2.0",
    layout=LAYOUT,
    marker=TRANSCRIPT,
    read=read,
    language="zh",
    hours=170.0,
    nested="data_aishell/wav/*.tar.gz",
    source=CorpusSource(
        archive="data_aishell.tgz",
        urls=addresses(33, "data_aishell.tgz"),
        most=20 << 30,
        md5="2f494334227864a8a8fec932999db9d8",
    ),
)
