"""From recordings in some format to the folder of manifests that the reader `manifest` reads, and back.

The folder has train.jsonl, test.jsonl and dev.jsonl as there are such parts, what was left out and why in
left-out.jsonl, and prepared.json, which says what it was made from.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import fsum
from pathlib import Path
from typing import Any

from asr.corpora.decode import BrokenFile, decode_all
from asr.corpora.exchange import FORMS, Imported, Options, get_form
from asr.corpora.exchange.form import ALL, put_together, split_of
from asr.corpora.exchange.ids import named_by_folder, told_apart
from asr.corpora.holdout import hold_out
from asr.corpora.lock import split_lock
from asr.corpora.manifest import LEXICON
from asr.corpora.prepared import PreparedCorpus
from asr.corpora.reading import Progress, Splits
from asr.corpora.registry import get_reader
from asr.errors import CorpusError, ManifestError, StorageError
from asr.files import whole_file, write_json, write_text
from asr.manifest import Utterance, read_manifest, write_manifest
from asr.recipe import Corpus

FORMAT = 1
MADE = "prepared.json"
LEFT_OUT = "left-out.jsonl"
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class HoldOut:
    """What becomes the test part where the source has none."""

    speakers: int = 0
    utterances: int = 0


@dataclass(frozen=True)
class Own:
    """Recordings that were decoded from end to end."""

    splits: Splits
    left_out: Sequence[BrokenFile]  # with the part in which each would be


def import_recordings(
    name: str,
    sources: Mapping[str, Path],
    options: Options,
    cache: Path,
    *,
    held: HoldOut | None = None,
    progress: Progress = lambda what, done, total: None,
    workers: int = 2,
) -> Own:
    """Reads recordings of a format and decodes every one of them.

    Args:
        name: of the format.
        sources: by split; "all" for what has splits of its own, or none.
        held: takes the test part out of the training part.
        cache: for the list of files that are known.
        workers: threads that decode.

    Raises:
        CorpusError: names the file and the line; ids that are there twice; broken files outside the training part.
    """
    form = get_form(name)
    found = put_together((split, form.read(path, options)) for split, path in sources.items())
    splits = _parted(name, found, held)
    folder = next(iter(sources.values())).resolve()
    decoded, broken = decode_all(name, folder, splits, cache / "decoded", progress, workers, leave_out=True)
    if held is not None:  # out of what can be heard
        train, test = _held_out(name, decoded["train"], held)
        decoded = {**decoded, "train": train, "test": test}
    left_out = [BrokenFile(item.id, "", item.reason) for item in found.left_out]
    return Own(decoded, [*left_out, *broken])


def _parted(name: str, found: Imported, held: HoldOut | None) -> Splits:
    splits = {split: list(utterances) for split, utterances in found.splits.items() if utterances}
    if ALL in splits:
        splits = {"train": [*splits.get("train", []), *splits.pop(ALL)], **splits}
    if held is not None and ("test" in splits or "train" not in splits):
        raise CorpusError(
            f"{name}: there is a test part already; leave out --test-speakers and --test-utterances"
        )
    named = named_by_folder({split: splits[split] for split in SPLITS if split in splits})
    return told_apart(named)


def _held_out(
    name: str, utterances: Sequence[Utterance], held: HoldOut
) -> tuple[Sequence[Utterance], Sequence[Utterance]]:
    settings = Corpus(name=name, dev_speakers=held.speakers, dev_utterances=held.utterances, split_key="test")
    try:
        return hold_out(utterances, settings)
    except CorpusError as error:
        raise CorpusError(str(error).replace("corpus.dev_", "--test-").replace("training ", "")) from None


def check_target(folder: Path, source: str) -> None:
    """Before hours are spent on what cannot be written.

    Raises:
        CorpusError: manifests would be written over that were not made from the same source.
        StorageError: the folder cannot be written to.
    """
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise StorageError(f"{folder}: cannot be written to; choose another --out")
    made = folder / MADE
    if any((folder / f"{split}.jsonl").exists() for split in SPLITS) and not made.is_file():
        raise CorpusError(f"{folder}: holds manifests that were not made here; choose another --out")
    if made.is_file():
        try:
            before = str(json.loads(made.read_text(encoding="utf-8"))["source"])
        except (OSError, ValueError, KeyError, TypeError):
            raise CorpusError(f"{made}: not readable; choose another --out") from None
        if before != source:
            raise CorpusError(f"{folder}: was made from {before}, not from {source}; choose another --out")


def write_manifests(
    folder: Path,
    splits: Splits,
    source: str,
    left_out: Sequence[BrokenFile] = (),
    about: Mapping[str, Any] | None = None,
    pronunciations: Path | None = None,
) -> None:
    """The folder, whose manifests come last: where they are, all else is.

    Args:
        source: what it was made from; the next time it must be the same.
        about: more to be known of the corpus.
    """
    _make(folder)
    top = folder.resolve()
    counts = {
        split: {
            "utterances": len(utterances),
            "seconds": round(fsum(utterance.duration for utterance in utterances), 3),
            "speakers": len({utterance.speaker for utterance in utterances} - {""}),
            "digest": split_lock(utterances).digest,
        }
        for split, utterances in splits.items()
    }
    tree = {"format": FORMAT, "source": source, **(about or {}), "splits": counts}
    write_json(folder / MADE, tree)
    lines = [json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in left_out]
    write_text(folder / LEFT_OUT, "".join(lines))
    if pronunciations is not None:
        with whole_file(folder / LEXICON) as part:
            shutil.copyfile(pronunciations, part)
    for split in SPLITS:
        if split not in splits:
            (folder / f"{split}.jsonl").unlink(missing_ok=True)  # of an earlier time
    for split, utterances in splits.items():
        write_manifest(folder / f"{split}.jsonl", (_inside(top, utterance) for utterance in utterances))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror}") from None


def _inside(folder: Path, utterance: Utterance) -> Utterance:
    """Its file by a path relative to the folder where it lies in it, so that the folder can be moved."""
    path = Path(utterance.audio_filepath)
    if not path.is_relative_to(folder):
        return utterance
    return replace(utterance, audio_filepath=path.relative_to(folder).as_posix())


def about_corpus(corpus: PreparedCorpus) -> dict[str, Any]:
    """What prepared.json says of a corpus that has a reader."""
    reader = get_reader(corpus.name)
    return {
        "corpus": corpus.name,
        "title": reader.title,
        "licence": reader.licence,
        "language": reader.language,
        "lock": corpus.lock_state,
    }


def export_recordings(sources: Sequence[Path], name: str, folder: Path) -> tuple[Splits, list[str]]:
    """Writes manifests in another format.

    Args:
        sources: manifest files, or one folder of them.
        name: of the format.
        folder: a new or empty one.

    Returns:
        What was written, by split, and what the user should know of it.

    Raises:
        CorpusError: no manifest there, a format that is not written, or a folder with something in it.
    """
    form = get_form(name)
    if form.write is None:
        written = ", ".join(each.name for each in FORMS.values() if each.write is not None)
        raise CorpusError(f"{name} is read only; {written} are written")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder}: there is something already; choose a new or an empty folder")
    splits: dict[str, list[Utterance]] = {}
    for path in _manifests(sources):
        try:
            utterances = [_measured(utterance) for utterance in read_manifest(path)]
        except ManifestError as error:
            raise CorpusError(str(error)) from None
        splits.setdefault(split_of(path.stem) or ALL, []).extend(utterances)
    _make(folder)
    try:
        return splits, form.write(folder, splits)
    except BaseException:  # a part of the lists is of use to nobody
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _manifests(sources: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in sources:
        inside = [path / f"{split}.jsonl" for split in SPLITS if (path / f"{split}.jsonl").is_file()]
        if path.is_dir() and not inside:
            raise CorpusError(
                f"{path}: no train.jsonl, dev.jsonl or test.jsonl in it; `asr prepare` makes them"
            )
        found += inside or [path]
    return found


def _measured(utterance: Utterance) -> Utterance:
    """With an absolute path and its duration."""
    from asr.audio import shape_of
    from asr.shard_file import shard_of

    if shard_of(utterance.audio_filepath) is not None:
        raise CorpusError(f"{utterance.audio_filepath}: is in a shard; export from files of sound")
    path = Path(utterance.audio_filepath).absolute()
    duration = utterance.duration
    if not duration:
        seconds = shape_of(path).seconds
        if seconds is None:
            raise CorpusError(
                f"{path}: how long it is, its header does not say; `asr prepare nemo` finds it out"
            )
        duration = seconds - utterance.offset
    return replace(utterance, audio_filepath=str(path), duration=duration)
