"""Common Voice: sentences read aloud by volunteers in more than a hundred languages, Mozilla.

MP3. A release has a folder for each language, cv-corpus-RELEASE/LANGUAGE, and another size each time.

- train, dev, test: as train.tsv, dev.tsv and test.tsv have them, which are made so that no speaker is in two of them.
  What is in validated.tsv only, in invalidated.tsv and in other.tsv, is not used
- licence: CC0 1.0
- address: https://commonvoice.mozilla.org, which asks for an e-mail address and for agreement, so nothing is
  downloaded here. Every release and language is another corpus: its lock file lies beside the lists

Sentences are written as people write, with capitals and punctuation, which stay: a recipe for words alone needs a
text version that takes them off. Quotes are letters in these tables; only a sentence that stands in quotes as a
whole, with inner ones doubled, as spreadsheets write them, loses those. Clips with an empty sentence are passed over.
MP3 is decoded to slightly other samples by other versions of its decoder, so the lock holds on machines with the same
libsndfile. A speaker is a client_id: one person with two browsers is two.
"""

import csv
from pathlib import Path

from asr.corpora.reading import Reader, Splits, need_all, text_of
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = "cv-corpus-RELEASE/LANGUAGE/{train,dev,test}.tsv and clips/*.mp3; name the folder of one language"
NEEDED = ("client_id", "path", "sentence")


def read(folder: Path) -> Splits:
    """The three tables, in their order."""
    clips = {path.name for path in (folder / "clips").iterdir()} if (folder / "clips").is_dir() else set()
    return {split: _read_table(folder, split, clips) for split in ("train", "dev", "test")}


def _read_table(folder: Path, split: str, clips: set[str]) -> list[Utterance]:
    path = folder / f"{split}.tsv"
    # Not splitlines(): some sentences hold line separators that are no line ends here.
    lines = text_of(path, LAYOUT).replace("\r\n", "\n").split("\n")
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    if missing := [name for name in NEEDED if name not in (rows.fieldnames or ())]:
        raise CorpusError(
            f"{path}: no column {missing[0]}; expected a table of Common Voice with {', '.join(NEEDED)}"
        )
    utterances = []
    for row in rows:
        if any(row[name] is None for name in NEEDED):
            raise CorpusError(
                f"{path}:{rows.line_num}: {len([each for each in row.values() if each])} columns only"
            )
        text = sentence_of(row["sentence"])
        name = Path(row["path"]).name
        name = name if Path(name).suffix else f"{name}.mp3"
        if text:
            utterance = Utterance(
                id=Path(name).stem,
                audio_filepath=str(folder / "clips" / name),
                duration=0.0,
                text=text,
                speaker=row["client_id"],
                lang=row.get("locale") or folder.name,
            )
            utterances.append(utterance)
    need_all(
        f"{folder / 'clips'}: clips of {path.name}", [Path(u.audio_filepath).name for u in utterances], clips
    )
    return utterances


def sentence_of(field: str) -> str:
    """Without the quotes around a whole sentence that was quoted as a value, and without runs of white space."""
    text = " ".join(field.split())
    inner = text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', ""):
        text = inner.replace('""', '"').strip()
    return text


READER = Reader(
    name="commonvoice",
    title="Common Voice",
    licence="CC0 1.0",
    layout=LAYOUT,
    marker="validated.tsv",
    read=read,
    lock_beside="corpus.lock.json",
    obtain="https://commonvoice.mozilla.org, after agreeing to its terms",
)
