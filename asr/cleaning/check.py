"""All checks of some manifests at once."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cleaning.faults import Heard, corpus_notes, is_meant_in_part, sound_faults
from asr.cleaning.kinds import KINDS, Finding
from asr.cleaning.known import Stretch
from asr.cleaning.measuring import Progress, measure_all
from asr.cleaning.pace import Pace
from asr.cleaning.same import same_sounds
from asr.cleaning.shared import near_texts, shared_speakers, shared_texts, vocabulary
from asr.cleaning.sound import Measured
from asr.cleaning.texts import Complaint, Writing
from asr.errors import ManifestError
from asr.text import normalise
from asr.utterance import Utterance, parse

if TYPE_CHECKING:
    from asr.cleaning.heard import Ear

RATE_KEYS = ("sample_rate", "sampling_rate")  # that manifests may have, beside those of ours


@dataclass(frozen=True)
class Part:
    """One manifest."""

    name: str
    path: Path
    utterances: Sequence[Utterance]
    rates: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # by row: key, and Hz declared by it


@dataclass(frozen=True)
class Report:
    """What was found, in order of kinds; within one the worst first."""

    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    seconds: float  # of all audio that could be read
    text: str  # version of the normaliser
    model: str = ""  # its name and the beginning of the digest of its weights

    @property
    def by_kind(self) -> dict[str, list[Finding]]:
        """In order of kinds, those that there are."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.kind, []).append(finding)
        return {kind: found[kind] for kind in KINDS if kind in found}

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {kind: len(findings) for kind, findings in self.by_kind.items()}


def read_part(path: Path, name: str = "") -> Part:
    """A manifest; its part is called as its file, unless it is named.

    Raises:
        ManifestError: it cannot be read, is empty, or has a line that is no utterance.
    """
    utterances, rates = [], {}
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    utterances.append(parse(line, path.parent, f"{path}:{number}"))
                    if any(f'"{key}"'.encode() in line for key in RATE_KEYS):
                        tree = json.loads(line)
                        for key in RATE_KEYS:
                            if isinstance(tree.get(key), int):
                                rates[len(utterances) - 1] = (key, tree[key])
    except OSError as error:
        raise ManifestError(
            f"{path}: not a readable manifest ({error.strerror}); expected JSON lines"
        ) from None
    if not utterances:
        raise ManifestError(f"{path}: no utterances in it; expected a line of JSON for each")
    return Part(name or path.stem, path, utterances, rates)


def check(
    parts: Sequence[Part],
    *,
    known: Path,
    text: str = "plain-1",
    ear: "Ear | None" = None,
    processes: int = 1,
    progress: Progress = lambda what, done, total: None,
) -> Report:
    """
    Args:
        parts: train, dev, test, ..., each with a name of its own.
        known: file that keeps what was measured, for the next time.
        text: version of the normaliser, after which texts are looked at.
        ear: a model that judges texts.
    """
    heard = _measured(parts, known, processes, progress)
    findings = [*sound_faults(heard), *same_sounds(heard, text, known, lambda *at: progress("copies", *at))]
    by_name = {part.name: part.utterances for part in parts}
    texts = {name: [normalise(one.text, text) for one in each] for name, each in by_name.items()}
    findings += _text_faults(heard, texts, text)
    notes = list(corpus_notes(heard))
    findings += [*shared_speakers(by_name), *shared_texts(by_name, texts), *near_texts(by_name, texts)]
    findings += _same_ids(parts)
    notes += vocabulary(by_name, texts)
    model = ""
    if ear is not None:
        from asr.cleaning.heard import Line, judge_texts

        mended = _as_mended(findings)
        lines = [
            Line(
                one.part,
                one.row,
                replace(one.utterance, text=mended.get((one.part, one.row), one.utterance.text)),
                one.stretch,
                one.sound.digest,
            )
            for one in heard
            if one.usable and one.sound and texts[one.part][one.row]
        ]
        verdict = judge_texts(ear, lines, lambda *at: progress("texts by the model", *at))
        findings += verdict.findings
        notes += verdict.notes
        model = f"{ear.bundle.description.name} {ear.bundle.description.weights[:12]}"
    return Report(
        tuple(parts),
        tuple(_in_order(parts, findings)),
        tuple(notes),
        sum(one.sound.seconds for one in heard if one.sound),
        text,
        model,
    )


def _measured(parts: Sequence[Part], known: Path, processes: int, progress: Progress) -> list[Heard]:
    uses = Counter(utterance.audio_filepath for part in parts for utterance in part.utterances)
    stretches = [
        [
            # A file that only one utterance is of is read to its end, to see whether that is what was declared.
            Stretch(one.audio_filepath, 0.0, 0.0)
            if uses[one.audio_filepath] == 1 and not one.offset
            else Stretch(one.audio_filepath, one.offset, one.duration)
            for one in part.utterances
        ]
        for part in parts
    ]
    results = measure_all([stretch for each in stretches for stretch in each], known, processes, progress)
    in_part: dict[Stretch, Stretch] = {}
    for part, each in zip(parts, stretches, strict=True):
        for utterance, stretch in zip(part.utterances, each, strict=True):
            found = results[stretch]
            seconds = found.sound.seconds if isinstance(found, Measured) and not stretch.duration else 0.0
            if is_meant_in_part(utterance.duration, seconds):
                in_part[stretch] = Stretch(utterance.audio_filepath, 0.0, utterance.duration)
    results |= measure_all(list(in_part.values()), known, processes, progress)
    heard = []
    for part, each in zip(parts, stretches, strict=True):
        for row, (utterance, stretch) in enumerate(zip(part.utterances, each, strict=True)):
            key, rate = part.rates.get(row, ("", 0))
            stretch = in_part.get(stretch, stretch)
            heard.append(Heard(part.name, row, utterance, stretch, results[stretch], rate, key))
    return heard


def _text_faults(
    heard: Sequence[Heard], texts: Mapping[str, Sequence[str]], version: str
) -> Iterator[Finding]:
    """
    Args:
        texts: normalised, by part.
    """
    writing = Writing([one.utterance.text for one in heard], version)
    written = [texts[one.part][one.row] for one in heard]
    sounds = [one.sound for one in heard]
    spoken = [
        text if sound and one.usable else "" for text, sound, one in zip(written, sounds, heard, strict=True)
    ]
    pace = Pace.of(spoken, [sound.spoken if sound else 0.0 for sound in sounds])
    for one, text, sound in zip(heard, written, sounds, strict=True):
        complaints: list[Complaint | None] = list(writing.complaints(one.utterance.text))
        if sound is not None and one.usable and text:
            complaints.append(pace.complaint(text, sound.seconds, sound.spoken))
        for complaint in complaints:
            if complaint is not None:
                mended = None if complaint.mended is None else {"text": complaint.mended}
                yield one.finding(complaint.kind, complaint.found, complaint.badness, mended=mended)


def _same_ids(parts: Sequence[Part]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for part in parts:
        for row, one in enumerate(part.utterances):
            if one.id in seen:
                found = (
                    f"{one.id} is in {seen[one.id]}, too"
                    if seen[one.id] != part.name
                    else f"{one.id} is there before"
                )
                yield Finding("id", part.name, row, one.id, one.audio_filepath, found)
            else:
                seen[one.id] = part.name


def _in_order(parts: Sequence[Part], findings: Sequence[Finding]) -> list[Finding]:
    kinds = {name: place for place, name in enumerate(KINDS)}
    names = {part.name: place for place, part in enumerate(parts)}
    ordered = sorted(findings, key=lambda one: (kinds[one.kind], -one.badness, names[one.part], one.row))
    # What several checks have found, once: by its worst.
    once: dict[tuple[object, ...], Finding] = {}
    for one in ordered:
        once.setdefault((one.kind, one.part, one.row, one.id, one.others), one)
    return list(once.values())


def _as_mended(findings: Sequence[Finding]) -> dict[tuple[str, int], str]:
    """Texts that --fix would write, so that a model judges these: a mended text may be the right one."""
    return {
        (one.part, one.row): str(one.mended["text"])
        for one in findings
        if one.mended is not None and "text" in one.mended
    }
