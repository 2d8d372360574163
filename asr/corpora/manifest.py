"""Your own recordings: a folder with `train.jsonl` and `test.jsonl`, manifests with the keys that NeMo uses.

    {"audio_filepath": "wav/anna-001.wav", "duration": 2.31, "text": "good morning", "speaker": "anna"}

- `audio_filepath` is relative to the folder, or absolute; WAV, FLAC, MP3, Ogg, Opus, AIFF and NIST SPHERE of any
  sample rate
- `duration` is in seconds, from `offset` on (0 without it); 0 is up to the end of the file. A file that is shorter
  than its manifest says counts as broken
- `text` is what is said; the recipe normalises it
- `id` names the utterance in everything that a run writes; without it, it is the file's name without suffix
- `speaker` may be left out; then the recipe holds out `corpus.dev_utterances`, and whether speakers of test are
  heard in training is not known
- `lang` and further keys are not used; a `digest` is computed anew

A file `pronunciations.dict` beside the manifests is the corpus's pronunciation lexicon (docs/phones.md).

A file `dev.jsonl` beside them is development data of your own choice: the recipe says `dev_split = "dev"` instead of
holding some out.

Nothing is downloaded: the folder is named with `--corpus`. The first run that uses the recordings writes the lock file
`corpus.lock.json` beside the manifests, and every later one says which recordings are others since. What is tested on
is for you to choose; other speakers than those of train show most.
docs/adding-a-corpus.md has an example from recordings to result.
"""

from itertools import chain
from pathlib import Path

from asr.corpora.reading import Reader, Splits
from asr.errors import CorpusError, ManifestError
from asr.manifest import Utterance, read_manifest

LEXICON = "pronunciations.dict"


def read(folder: Path) -> Splits:
    """The manifests, in their order. Texts and speakers stay as they are."""
    names = ["train", *["dev"] * (folder / "dev.jsonl").is_file(), "test"]
    splits = {split: _read_split(folder / f"{split}.jsonl") for split in names}
    seen: dict[str, str] = {}
    for utterance in chain(*splits.values()):
        if utterance.id in seen:
            raise CorpusError(
                f"{folder}: {seen[utterance.id]} and {utterance.audio_filepath} are both called {utterance.id!r}; "
                f'give each line an "id" of its own'
            )
        seen[utterance.id] = utterance.audio_filepath
    return splits


def _read_split(path: Path) -> list[Utterance]:
    if not path.is_file():
        raise CorpusError(f"{path}: missing; expected {READER.layout}")
    try:
        return list(read_manifest(path))
    except ManifestError as error:
        raise CorpusError(str(error)) from None


READER = Reader(
    name="manifest",
    title="Own recordings",
    licence="that of the recordings",
    layout=(
        "train.jsonl and test.jsonl, each line a JSON object with audio_filepath, duration and text "
        "(docs/adding-a-corpus.md)"
    ),
    marker="train.jsonl",
    read=read,
    pronunciations=LEXICON,
    lock_beside="corpus.lock.json",
)
