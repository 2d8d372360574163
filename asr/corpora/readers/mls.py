"""Multilingual LibriSpeech (MLS), OpenSLR 94: audiobooks of LibriVox in eight languages.

16 kHz mono, cut into 10 to 20 seconds (V. Pratap et al., "MLS: a large-scale multilingual dataset for speech
research", Interspeech 2020). Hours of training speech: English 44,659.7, German 1,966.5, Dutch 1,554.2, French
1,076.6, Spanish 917.7, Italian 247.4, Portuguese 161.0, Polish 103.7; between 2 and 16 of dev and of test each.

- train, dev and test of each language have different speakers
- licence: CC BY 4.0
- address: https://www.openslr.org/94, which leads to dl.fbaipublicfiles.com; archives of Opus (Polish 1.6 GB, English
  far more), which are the ones downloaded here, and of FLAC, several times as large, which are read as well

A language is a part: `corpus.parts = ["polish"]`. Several are put together. Texts are lower-case without punctuation.
The folder limited_supervision (10 hours and less, by lists of ids) is not used. No checksum is known here, and Opus
decodes to other bits in other versions of its decoder.
"""

from pathlib import Path

from asr.corpora.reading import CorpusSource, Part, Reader, Splits, audio_files, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LANGUAGES = {
    "english": "en",
    "german": "de",
    "dutch": "nl",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "polish": "pl",
}
LAYOUT = "mls_LANGUAGE_opus/{train,dev,test}/transcripts.txt and audio/SPEAKER/BOOK/SPEAKER_BOOK_NUMBER.opus (or .flac)"


def read(folder: Path) -> Splits:
    """One language, each split in the order of its transcripts."""
    language = LANGUAGES[folder.name.split("_")[1]]
    return {split: _read_split(folder / split, language) for split in ("train", "dev", "test")}


def _read_split(folder: Path, language: str) -> list[Utterance]:
    path = folder / "transcripts.txt"
    words: dict[str, str] = {}
    for number, line in enumerate(text_of(path, LAYOUT).splitlines(), 1):
        name, tab, text = line.partition("\t")
        if not line.strip():
            continue
        if not tab or name.count("_") != 2:
            raise CorpusError(
                f"{path}:{number}: expected `SPEAKER_BOOK_NUMBER`, a tab and words, found {line!r:.60}"
            )
        words[name] = " ".join(text.split())
    present = {
        Path(name).name: audio for name, audio in audio_files(folder / "audio", (".flac", ".opus")).items()
    }
    need_all(f"{folder / 'audio'}: audio files of {path.name}", words, present)
    return [
        Utterance(name, str(present[name]), 0.0, text, speaker=name.partition("_")[0], lang=language)
        for name, text in words.items()
    ]


def _part(language: str) -> Part:
    archive = f"mls_{language}_opus.tar.gz"
    most = (1 << 40) if language == "english" else (64 << 30)
    source = CorpusSource(archive, (f"https://dl.fbaipublicfiles.com/mls/{archive}",), most=most)
    return Part(f"mls_{language}*", source)


READER = Reader(
    name="mls",
    title="Multilingual LibriSpeech",
    licence="CC BY 4.0",
    layout=LAYOUT,
    marker="train/transcripts.txt",
    read=read,
    hours=50_800.0,
    parts={language: _part(language) for language in LANGUAGES},
)
