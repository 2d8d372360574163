"""What a model hears in utterances, kept in memory so that it can be read in several ways."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch

from asr.audio import read_audio
from asr.batching import batches_by_length
from asr.manifest import Utterance
from asr.model.bundle import Bundle
from asr.model.inference import Inference
from asr.numerics import warm_up
from asr.recipe import Score
from asr.transcribe.hear import posteriors

LogProbs = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


def log_probs_of(
    bundle: Bundle,
    utterances: Sequence[Utterance],
    *,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> list[LogProbs]:
    """(frames, tokens) natural logarithms for each utterance, in their order.

    Raises:
        AudioError: a file cannot be read; the message names it.
    """
    rate = bundle.description.front_end.sample_rate
    settings = Score()
    batches = batches_by_length(
        [utterance.duration for utterance in utterances],
        utterances=settings.batch_utterances,
        padded_seconds=settings.batch_seconds,
    )

    def hear(rows: Sequence[int]) -> list[LogProbs]:
        chosen = [utterances[row] for row in rows]
        waveforms = [
            read_audio(u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=rate).samples
            for u in chosen
        ]
        return posteriors(model, waveforms)

    warm_up()
    model = Inference(bundle.model)
    found: dict[int, LogProbs] = {}
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for rows, heard in zip(batches, pool.map(hear, batches), strict=True):
            found.update(zip(rows, heard, strict=True))
            progress(len(found), len(utterances))
    return [found[row] for row in range(len(utterances))]
