"""Texts that are not what a model hears: another sentence, another language, the text of a neighbour.

The cost of a text is how much less probable its best path through the model's frames is than the most probable path of
all, in nats a token of the longer of both. It is 0 for the greedy transcript. What is too much follows from the corpus
itself: its own texts cost `own.middle`, and texts of other utterances, laid over the same audio, show what wrong ones
cost. A model for which the two do not lie apart cannot judge, and says so.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from asr.audio import read_audio
from asr.cleaning.kinds import Finding
from asr.cleaning.known import Known, Stretch
from asr.decoding.alignment import align
from asr.decoding.greedy import greedy
from asr.errors import AlignmentError, AudioError, TokenizerError
from asr.model.bundle import load_bundle
from asr.model.inference import Inference
from asr.numerics import choose_device, warm_up
from asr.safety.opened import opened_model
from asr.text import normalise
from asr.transcribe.hear import LogProbs, posteriors
from asr.transcribe.windows import Joiner, Windows
from asr.utterance import Utterance

AWAY = 2  # rows before and after, whose texts are tried where an utterance's own is wrong
LEAST_SPREAD = 0.1  # nats; own texts of a corpus that was learned by heart cost nothing at all
OUTLIER = 6.0  # spreads above the middle, from which on a text is not what is heard
APART = 3.0  # spreads between the middle and wrong texts, with fewer of which the model cannot judge
WRONG = 5  # percentile of wrong texts that is looked at
FEW = 20  # utterances, with fewer of which there is nothing to compare with
TOGETHER = 64  # utterances that are heard before what is known is kept
_CANNOT = -1.0  # instead of a cost: the model does not know the letters
_NO_ROOM = -2.0  # more tokens than frames


@dataclass(frozen=True)
class Line:
    """An utterance that is judged."""

    part: str
    row: int
    utterance: Utterance  # with the text that is judged
    stretch: Stretch  # of the audio that it is judged by
    audio_digest: str


@dataclass(frozen=True)
class Judged:
    """A text against its audio."""

    cost: float  # nats a token; below 0: it cannot be laid over the audio
    heard: str


@dataclass(frozen=True)
class Verdict:
    """What a model found, and how."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    costs: dict[tuple[str, int], float]  # by part and row


class Ear:
    """A model that judges texts; `require_signature` is as `Transcriber` has it."""

    def __init__(
        self,
        model: str | Path,
        known: Path,
        *,
        device: str = "auto",
        workers: int = 1,
        require_signature: Sequence[str | Path] | None = None,
    ) -> None:
        with opened_model(model, require_signature) as folder:
            self.bundle = load_bundle(folder)
        self._inference = Inference(self.bundle.model.to(choose_device(device)))
        description = self.bundle.description
        self._text, self._rate = description.text, description.front_end.sample_rate
        self._windows = Windows.of(description.front_end, description.model)
        self._weights = description.weights
        self._known, self._workers = known, workers
        warm_up()

    def judge(
        self, pairs: Sequence[tuple[Line, Sequence[str]]], progress: Callable[[int, int], None]
    ) -> Iterator[list[Judged]]:
        """Of each line's audio: some texts. What is known is not computed again."""
        known = Known(self._known)
        pool = ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(1,))
        try:
            for start in range(0, len(pairs), TOGETHER):
                some = pairs[start : start + TOGETHER]
                keys = [[self._key(line, text) for text in texts] for line, texts in some]
                before = [[known.recall(key) for key in each] for each in keys]
                waiting = [
                    None if all(each) else pool.submit(self._judge, line, texts)
                    for each, (line, texts) in zip(before, some, strict=True)
                ]
                fresh: dict[str, str] = {}
                for each, future, named in zip(before, waiting, keys, strict=True):
                    if future is None:
                        yield [Judged(*json.loads(value)) for value in each if value]
                    else:
                        found = future.result()
                        fresh.update(
                            (key, json.dumps([one.cost, one.heard]))
                            for key, one in zip(named, found, strict=True)
                        )
                        yield found
                known.keep(fresh)
                progress(min(start + TOGETHER, len(pairs)), len(pairs))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            known.close()

    def _key(self, line: Line, text: str) -> str:
        parts = [self._weights, line.audio_digest, normalise(text, self._text)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _judge(self, line: Line, texts: Sequence[str]) -> list[Judged]:
        path, offset, duration = line.stretch
        try:
            samples = read_audio(
                path, offset=offset, duration=duration or None, sample_rate=self._rate
            ).samples
        except AudioError:  # it has changed since it was measured
            return [Judged(_CANNOT, "")] * len(texts)
        log_probs = self._hear(samples)
        heard = greedy(log_probs)
        said = self.bundle.tokenizer.decode(heard)
        return [Judged(self._cost(log_probs, text, len(heard)), said) for text in texts]

    def _hear(self, samples: np.ndarray) -> LogProbs:
        if len(samples) <= self._windows.whole:
            return posteriors(self._inference, [samples])[0]
        joiner = Joiner(self._windows)
        cut = self._windows.cut([samples])
        return np.concatenate(
            [joiner.add(posteriors(self._inference, [window])[0], last) for window, last in cut]
        )

    def _cost(self, log_probs: LogProbs, text: str, heard: int) -> float:
        try:
            tokens = self.bundle.tokenizer.encode(normalise(text, self._text))
        except TokenizerError:
            return _CANNOT
        if len(tokens) + sum(a == b for a, b in pairwise(tokens)) > len(log_probs):
            return _NO_ROOM
        path = np.zeros(len(log_probs), np.intp)
        try:
            for span in align(log_probs, tokens):
                path[span.start : span.end] = span.token
        except AlignmentError:
            return _CANNOT
        best, own = log_probs.max(axis=1), log_probs[np.arange(len(log_probs)), path]
        return float(np.sum(best - own, dtype=np.float64)) / max(len(tokens), heard, 1)


def judge_texts(
    ear: Ear, lines: Sequence[Line], progress: Callable[[int, int], None] = lambda done, total: None
) -> Verdict:
    """Which texts are not those of their audio.

    Args:
        lines: of one or several parts, each in its order.
    """
    wrong = [_another(lines, number) for number in range(len(lines))]
    pairs = [(line, [line.utterance.text, other]) for line, other in zip(lines, wrong, strict=True)]
    judged = list(ear.judge(pairs, progress))
    costs = {(line.part, line.row): own.cost for line, (own, _) in zip(lines, judged, strict=True)}
    findings = [
        _no_room(line, own) for line, (own, _) in zip(lines, judged, strict=True) if own.cost == _NO_ROOM
    ]
    notes = []
    if unknown := sum(own.cost == _CANNOT for own, _ in judged):
        notes.append(
            f"{unknown} texts have letters or words that the model does not know, and were not judged by it"
        )
    own_costs = np.array([own.cost for own, _ in judged if own.cost >= 0])
    if len(own_costs) < FEW:
        notes.append(
            f"{len(own_costs)} texts could be judged by the model; with fewer than {FEW} nothing is said of them"
        )
        return Verdict(tuple(findings), tuple(notes), costs)
    other_costs = [
        other.cost
        for (own, other), line, text in zip(judged, lines, wrong, strict=True)
        if other.cost >= 0 and text != line.utterance.text
    ]
    limit, note = limit_of(own_costs, np.array(other_costs))
    notes.append(note)
    if limit is not None:
        flagged = [number for number, (own, _) in enumerate(judged) if own.cost > limit]
        findings += _accused(ear, lines, flagged, [own for own, _ in judged], limit)
    return Verdict(tuple(findings), tuple(notes), costs)


def limit_of(own: np.ndarray, wrong: np.ndarray) -> tuple[float | None, str]:
    """The cost above which a text is not what is heard, and how it was found; None: the model cannot judge.

    Args:
        own: costs of the texts of a corpus, a part of which is wrong.
        wrong: costs of texts of other utterances.
    """
    middle = float(np.median(own))
    spread = max(1.4826 * float(np.median(np.abs(own - middle))), LEAST_SPREAD)
    if not len(wrong):
        return None, "all texts are the same: the model has nothing to compare with"
    low = float(np.percentile(wrong, WRONG))
    known = f"texts cost {middle:.2f} nats a token in the middle, those of others {low:.2f} and more"
    if low < middle + APART * spread:
        return None, f"the model cannot judge these texts: {known} (it was made for other speech)"
    limit = max(middle + OUTLIER * spread, (middle + low) / 2)
    return limit, f"{known}; above {limit:.2f} a text is not what the model hears"


def _another(lines: Sequence[Line], number: int) -> str:
    """The text of an utterance far away, by preference another one."""
    own = lines[number].utterance.text
    for step in range(1, 6):
        other = lines[(number + step * 7919) % len(lines)].utterance.text
        if other != own:
            return other
    return own


def _no_room(line: Line, judged: Judged) -> Finding:
    text = line.utterance.text
    found = f"the text has more tokens than the model has frames for it: “{text:.60}”; heard is “{judged.heard:.60}”"
    return Finding(
        "too-long", line.part, line.row, line.utterance.id, line.utterance.audio_filepath, found, 10.0
    )


def _accused(
    ear: Ear, lines: Sequence[Line], flagged: Sequence[int], own: Sequence[Judged], limit: float
) -> Iterator[Finding]:
    """What each flagged utterance is: the text of a neighbour, or anything else."""
    near = [_neighbours(lines, number) for number in flagged]
    texts = [[lines[other].utterance.text for other in others] for others in near]
    pairs = [(lines[number], each) for number, each in zip(flagged, texts, strict=True)]
    for number, others, judged in zip(flagged, near, ear.judge(pairs, lambda done, total: None), strict=True):
        line, cost = lines[number], own[number].cost
        fitting = [
            (one.cost, other)
            for one, other in zip(judged, others, strict=True)
            if 0 <= one.cost < min(limit, cost) / 2
        ]
        said = f"“{line.utterance.text:.60}”, heard is “{own[number].heard:.60}”"
        about = (line.part, line.row, line.utterance.id, line.utterance.audio_filepath)
        if fitting:
            other = lines[min(fitting)[1]]
            away = other.row - line.row
            where = f"{abs(away)} {'after' if away > 0 else 'before'} it, {other.utterance.id}"
            found = f"{said}; the text {where}, fits: “{other.utterance.text:.60}”"
            yield Finding("shifted", *about, found, cost, (f"{other.part}/{other.utterance.id}",))
        else:
            yield Finding("transcript", *about, f"{said} ({cost:.1f} nats a token)", cost)


def _neighbours(lines: Sequence[Line], number: int) -> list[int]:
    line = lines[number]
    return [
        other
        for away in range(-AWAY, AWAY + 1)
        if away and 0 <= (other := number + away) < len(lines)
        and lines[other].part == line.part and lines[other].utterance.text != line.utterance.text
    ]  # fmt: skip
