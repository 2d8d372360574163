"""CSTR VCTK Corpus 0.92: 110 speakers of English with various accents read newspaper sentences.

48 kHz mono FLAC, 16 bits (0.80: WAV), silence cut off at the ends; two microphones, of which the first is taken
(_mic1), as of p280 and p315 the second had technical trouble. Each speaker reads about 400 sentences.

- the corpus has no split of its own, as it was made for synthesis; here ten speakers are test (below). **The rainbow
  passage and the elicitation paragraph are the same for all speakers**: a recipe has to waive texts
- licence: CC BY 4.0
- address: https://datashare.ed.ac.uk/handle/10283/3443, VCTK-Corpus-0.92.zip (11.7 GB)

Traps: the texts of p315 were lost, and some recordings of others have none either: recordings without text are passed
over. Texts have capitals and punctuation. The older release 0.80 (wav48/, one microphone) is read as well; a lock
tells the two apart.
"""

from pathlib import Path

from asr.corpora.reading import CorpusSource, Reader, Splits, audio_files, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = (
    "wav48_silence_trimmed/p225/p225_001_mic1.flac (or wav48/p225/p225_001.wav) and txt/p225/p225_001.txt"
)
TEST = frozenset(("p347", "p351", "p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5"))
FOLDERS = (("wav48_silence_trimmed", "_mic1"), ("wav48", ""))


def read(folder: Path) -> Splits:
    """Every text that has a recording, in the order of their names."""
    sounds = _sounds(folder)
    splits: dict[str, list[Utterance]] = {"train": [], "test": []}
    for path in sorted((folder / "txt").rglob("*_*.txt")):
        sound = sounds.get(path.stem)
        text = " ".join(text_of(path, LAYOUT).split())
        if sound is None or not text:
            continue
        speaker = path.stem.partition("_")[0]
        utterance = Utterance(path.stem, str(sound), 0.0, text, speaker=speaker, lang="en")
        splits["test" if speaker in TEST else "train"].append(utterance)
    return splits


def _sounds(folder: Path) -> dict[str, Path]:
    """Recordings by the name of their text."""
    for name, ending in FOLDERS:
        if (folder / name).is_dir():
            found = {Path(key).name: path for key, path in audio_files(folder / name).items()}
            return {key.removesuffix(ending): path for key, path in found.items() if key.endswith(ending)}
    raise CorpusError(f"{folder}: no {FOLDERS[0][0]} in it; expected {LAYOUT}")


READER = Reader(
    name="vctk",
    title="CSTR VCTK Corpus",
    licence="CC BY 4.0",
    layout=LAYOUT,
    marker="txt/p225",
    read=read,
    language="en",
    source=CorpusSource(
        archive="VCTK-Corpus-0.92.zip",
        urls=("https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",),
        most=16 << 30,
    ),
)
