"""Ids of recordings whose lists have none, or the same in several parts."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from asr.corpora.reading import Splits
from asr.manifest import Utterance


def named_by_folder(splits: Mapping[str, Sequence[Utterance]]) -> Splits:
    """Utterances that are called after their files alone, where several of a part are called alike (anna/001.wav and
    bert/001.wav, or stretches of one file): after folder, file and begin."""
    if not any(splits.values()):
        return dict(splits)
    top = os.path.commonpath([Path(each.audio_filepath).parent for all_ in splits.values() for each in all_])
    found: dict[str, Sequence[Utterance]] = {}
    for split, utterances in splits.items():
        counts = Counter(each.id for each in utterances)
        found[split] = [
            replace(each, id=_name_by_folder(each, top))
            if counts[each.id] > 1 and each.id.partition("@")[0] == Path(each.audio_filepath).stem
            else each
            for each in utterances
        ]
    return found


def _name_by_folder(utterance: Utterance, top: str) -> str:
    name = Path(utterance.audio_filepath).relative_to(top).with_suffix("").as_posix()
    return name + (f"@{utterance.offset:g}" if utterance.offset or "@" in utterance.id else "")


def told_apart(splits: Mapping[str, Sequence[Utterance]]) -> Splits:
    """Where lists of several parts have the same name for theirs (clip-1, clip-2, ...), the part goes in front."""
    parts = Counter(
        name for utterances in splits.values() for name in {utterance.id for utterance in utterances}
    )
    return {
        split: [replace(each, id=f"{split}/{each.id}") if parts[each.id] > 1 else each for each in utterances]
        for split, utterances in splits.items()
    }
