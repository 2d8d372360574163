"""Cuts of Lhotse, or its recordings and supervisions: JSON Lines, also packed with gzip.

    cuts_train.jsonl.gz                                        or
    recordings_train.jsonl.gz and supervisions_train.jsonl.gz

A supervision is an utterance. Read here are cuts of one recording whose sound is a file with one channel. Mixed, padded
and changed ones (other speed, noise) and those whose sound is a command, an address or in memory are refused: first
have Lhotse write them (`cuts.save_audios(...)`). Lhotse itself is not needed.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asr.corpora.exchange.form import (
    ALL,
    Form,
    Imported,
    LeftOut,
    Options,
    need_sound,
    one_line,
    put_together,
    split_of,
)
from asr.errors import CorpusError
from asr.files import whole_file
from asr.manifest import Utterance

SUFFIXES = (".jsonl", ".jsonl.gz")
_FIRST = ("cuts", "supervisions")  # what is looked for, in this order
# Changes that a cut or a recording may carry along; what they do is Lhotse's business.
_CHANGES = ("transforms", "augment_fn")


def read(path: Path, options: Options) -> Imported:
    """Raises CorpusError naming file and line."""
    if not path.is_dir():
        return _read_file(path, options)
    files = [item for item in sorted(path.iterdir()) if item.name.endswith(SUFFIXES)]
    for kind in _FIRST:
        named = [item for item in files if kind in item.name]
        splits = [(split, item) for item in named if (split := _split_of(item))]
        if len(named) == 1 or splits:
            return put_together(
                (split, _read_file(item, options)) for split, item in splits or [(ALL, named[0])]
            )
    raise CorpusError(
        f"{path}: no cuts or supervisions called after their splits (cuts_train.jsonl.gz, ...); or name one file"
    )


def _split_of(path: Path) -> str | None:
    """Of cuts_train.jsonl.gz or librispeech_supervisions_dev-clean.jsonl.gz: any of its words may say it."""
    words = path.name.partition(".")[0].replace("-", "_").split("_")
    return next((split for word in words if (split := split_of(word))), None)


def _read_file(path: Path, options: Options) -> Imported:
    recordings: dict[str, Mapping[str, Any]] | None = None
    utterances, left_out = [], []
    for number, line in _lines(path):
        where = f"{path}:{number}"
        try:
            if "supervisions" in line:
                found = list(_of_cut(line, where, path, options))
            else:
                recordings = recordings or _recordings_of(path)
                found = [_utterance(line, recordings[str(line["recording_id"])], 0.0, where, path, options)]
        except KeyError as error:
            raise CorpusError(f"{where}: no {error.args[0]!r} there; expected {LHOTSE.layout}") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise CorpusError(
                f"{where}: not as Lhotse writes it ({error}); expected {LHOTSE.layout}"
            ) from None
        utterances += [each for each in found if each.text]
        left_out += [LeftOut(each.id, f"no text in {path.name}") for each in found if not each.text]
    if not utterances:
        raise CorpusError(f"{path}: no supervision with a text; expected {LHOTSE.layout}")
    return Imported({ALL: utterances}, left_out)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    tree = json.loads(line)
                    if not isinstance(tree, dict):
                        raise CorpusError(f"{path}:{number}: expected a JSON object, found {tree!r:.60}")
                    yield number, tree
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CorpusError(
            f"{path}: not a readable file of JSON lines ({error}); expected {LHOTSE.layout}"
        ) from None


def _recordings_of(path: Path) -> dict[str, Mapping[str, Any]]:
    beside = path.with_name(path.name.replace("supervisions", "recordings"))
    if beside == path or not beside.is_file():
        raise CorpusError(f"{path}: these are supervisions, with no {beside.name} beside them")
    return {str(line["id"]): line for _, line in _lines(beside)}


def _of_cut(cut: Mapping[str, Any], where: str, path: Path, options: Options) -> Iterator[Utterance]:
    kind = cut.get("type", "MonoCut")
    if kind != "MonoCut":
        raise CorpusError(
            f"{where}: {cut.get('id')} is a {kind}; only cuts of one recording are read, have Lhotse write it first"
        )
    supervisions = cut["supervisions"]
    for supervision in supervisions:
        utterance = _utterance(supervision, cut["recording"], float(cut["start"]), where, path, options)
        if len(supervisions) == 1:
            utterance = replace(utterance, id=str(cut["id"]))
        yield utterance


def _utterance(
    supervision: Mapping[str, Any],
    recording: Mapping[str, Any],
    start: float,
    where: str,
    path: Path,
    options: Options,
) -> Utterance:
    """`start` is that of the cut, from which the supervision counts."""
    sources = recording["sources"]
    if any(recording.get(key) for key in _CHANGES):
        raise CorpusError(
            f"{where}: recording {recording['id']} is changed as Lhotse reads it; have Lhotse write it first"
        )
    if len(sources) != 1 or sources[0]["type"] != "file" or len(sources[0]["channels"]) != 1:
        kinds = ", ".join(f"{item['type']} with {len(item['channels'])} channels" for item in sources)
        raise CorpusError(
            f"{where}: the sound of {recording['id']} is {kinds}; only one file with one channel is read"
        )
    roots = [options.root] if options.root else [path.parent, Path()]
    sound = need_sound(str(sources[0]["source"]), roots, where)
    offset, duration = start + float(supervision["start"]), float(supervision["duration"])
    return Utterance(
        id=str(supervision["id"]),
        audio_filepath=str(sound),
        duration=round(min(duration, float(recording["duration"]) - max(offset, 0.0)), 6),
        text=one_line(str(supervision.get("text") or "")),
        speaker=str(supervision.get("speaker") or ""),
        offset=round(max(offset, 0.0), 6),  # a supervision may begin before its cut
        lang=str(supervision.get("language") or "") or options.language,
    )


def write(folder: Path, splits: Mapping[str, Sequence[Utterance]]) -> list[str]:
    """cuts_SPLIT.jsonl.gz, a cut with one supervision for each utterance."""
    for split, utterances in splits.items():
        with (
            whole_file(folder / f"cuts_{split}.jsonl.gz") as part,
            part.open("wb") as out,
            # Without time and name, so that the same cuts are the same bytes.
            gzip.GzipFile(fileobj=out, mode="wb", filename="", mtime=0) as packed,
        ):
            for utterance in utterances:
                packed.write(json.dumps(_cut(utterance), ensure_ascii=False).encode() + b"\n")
    return []


def _cut(u: Utterance) -> dict[str, Any]:
    from asr.audio import shape_of

    shape = shape_of(u.audio_filepath)
    if shape.seconds is None:
        raise CorpusError(
            f"{u.audio_filepath}: its header does not say how long it is; convert it for Lhotse"
        )
    if shape.channels != 1:
        raise CorpusError(
            f"{u.audio_filepath}: has {shape.channels} channels, and cuts are written of one; convert it first"
        )
    recording = u.audio_filepath
    return {
        "id": u.id,
        "start": u.offset,
        "duration": u.duration,
        "channel": 0,
        "supervisions": [
            {
                "id": u.id,
                "recording_id": recording,
                "start": 0.0,
                "duration": u.duration,
                "channel": 0,
                "text": u.text,
            }
            | ({"language": u.lang} if u.lang else {})
            | ({"speaker": u.speaker} if u.speaker else {})
        ],
        "recording": {
            "id": recording,
            "sources": [{"type": "file", "channels": [0], "source": u.audio_filepath}],
            "sampling_rate": shape.sample_rate,
            "num_samples": round(shape.seconds * shape.sample_rate),
            "duration": shape.seconds,
            "channel_ids": [0],
        },
        "type": "MonoCut",
    }


LHOTSE = Form(
    name="lhotse",
    title="cuts of Lhotse, or its recordings and supervisions (.jsonl, .jsonl.gz)",
    layout="cuts_train.jsonl.gz, or recordings_train.jsonl.gz and supervisions_train.jsonl.gz",
    read=read,
    write=write,
)
