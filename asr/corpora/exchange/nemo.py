"""Manifests of NeMo, which ours are too: JSON Lines with audio_filepath, duration and text.

A file, or a folder with one for each split, called after it (train_manifest.json, test.jsonl). Keys that are not ours
are passed over; a `digest` of ours is found out anew.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from asr.corpora.exchange.form import ALL, Form, Imported, LeftOut, Options, one_line, put_together, split_of
from asr.errors import CorpusError, ManifestError
from asr.files import whole_file
from asr.manifest import Utterance, read_manifest

SUFFIXES = (".json", ".jsonl")


def read(path: Path, options: Options) -> Imported:
    """Raises CorpusError naming file, line and key."""
    if not path.is_dir():
        return _read_file(path, options)
    files = [item for item in sorted(path.iterdir()) if item.suffix in SUFFIXES]
    named = [(split, item) for item in files if (split := split_of(item.stem))]
    if not named:
        there = ", ".join(item.name for item in files) or "none"
        raise CorpusError(
            f"{path}: expected manifests called train.jsonl, test.jsonl or alike, found {there}; or name one"
        )
    return put_together((split, _read_file(item, options)) for split, item in named)


def _read_file(path: Path, options: Options) -> Imported:
    utterances, left_out = [], []
    try:
        for utterance in read_manifest(path):
            audio = Path(utterance.audio_filepath)
            if options.root is not None and not audio.is_file() and audio.is_relative_to(path.parent):
                audio = options.root / audio.relative_to(path.parent)
            if not utterance.text.strip():
                left_out.append(LeftOut(utterance.id, f"no text in {path.name}"))
                continue
            changed = replace(
                utterance,
                audio_filepath=str(audio.absolute()),
                text=one_line(utterance.text),
                lang=utterance.lang or options.language,
                digest="",
                audio_digest="",
            )
            utterances.append(changed)
    except ManifestError as error:
        raise CorpusError(str(error)) from None
    if not utterances:
        raise CorpusError(f"{path}: no utterance in it; expected {NEMO.layout}")
    return Imported({ALL: utterances}, left_out)


def write(folder: Path, splits: Mapping[str, Sequence[Utterance]]) -> list[str]:
    """SPLIT_manifest.json, as NeMo's own scripts call them, with absolute paths."""
    for split, utterances in splits.items():
        with whole_file(folder / f"{split}_manifest.json") as part, part.open("w", encoding="utf-8") as out:
            for u in utterances:
                line: dict[str, object] = {
                    "audio_filepath": u.audio_filepath,
                    "duration": u.duration,
                    "text": u.text,
                }
                line |= {"offset": u.offset} if u.offset else {}
                line |= {"id": u.id, "speaker": u.speaker} | ({"lang": u.lang} if u.lang else {})
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return []


NEMO = Form(
    name="nemo",
    title="manifests of NeMo: JSON Lines with audio_filepath, duration and text",
    layout='lines like {"audio_filepath": "wav/a.wav", "duration": 1.5, "text": "yes"}',
    read=read,
    write=write,
)
