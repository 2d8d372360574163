"""What a model hears in utterances, computed in batches of like length."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

from asr.audio import read_audio
from asr.batching import batches_by_length
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel
from asr.model.inference import Inference
from asr.numerics import warm_up
from asr.recipe import Score
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs, Model, hear, posteriors

T = TypeVar("T")
Progress = Callable[[int, int], None]


def decode(
    model: AcousticModel,
    tokenizer: Tokenizer,
    utterances: Sequence[Utterance],
    settings: Score,
    *,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> list[str]:
    """Greedy transcripts in the order of the utterances. Batches do not change them (padding is masked)."""

    def texts(inference: Model, waveforms: Sequence[np.ndarray]) -> list[str]:
        return hear(inference, tokenizer, waveforms)

    return _in_batches(texts, model, utterances, settings, workers, progress)


def log_probs_of(
    model: AcousticModel,
    utterances: Sequence[Utterance],
    settings: Score,
    *,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> list[LogProbs]:
    """(frames, tokens) natural logarithms for each utterance, in their order, to be read in several ways.

    Raises:
        AudioError: a file cannot be read; the message names it.
    """
    return _in_batches(posteriors, model, utterances, settings, workers, progress)


def _in_batches(
    compute: Callable[[Model, Sequence[np.ndarray]], list[T]],
    model: AcousticModel,
    utterances: Sequence[Utterance],
    settings: Score,
    workers: int,
    progress: Progress,
) -> list[T]:
    """Of each utterance, in their order, what `compute` makes of its (samples,) waveform."""
    inference = Inference(model)
    rate = model.front_end.settings.sample_rate
    batches = batches_by_length(
        [utterance.duration for utterance in utterances],
        utterances=settings.batch_utterances,
        padded_seconds=settings.batch_seconds,
    )

    def computed(rows: Sequence[int]) -> list[T]:
        chosen = [utterances[row] for row in rows]
        waveforms = [
            read_audio(u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=rate).samples
            for u in chosen
        ]
        return compute(inference, waveforms)

    if next(model.parameters()).is_cuda:
        workers = 1  # a device computes one batch at a time, and its memory holds one
    warm_up()
    found: dict[int, T] = {}
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for rows, results in zip(batches, pool.map(computed, batches), strict=True):
            found.update(zip(rows, results, strict=True))
            progress(len(found), len(utterances))
    return [found[row] for row in range(len(utterances))]
