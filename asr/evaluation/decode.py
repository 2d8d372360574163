"""Hypotheses for utterances, in batches of like length."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from asr.audio import read_audio
from asr.batching import batches_by_length
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel
from asr.model.inference import Inference
from asr.numerics import warm_up
from asr.recipe import Score
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import hear

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
    inference = Inference(model)
    rate = model.front_end.settings.sample_rate
    batches = batches_by_length(
        [utterance.duration for utterance in utterances],
        utterances=settings.batch_utterances,
        padded_seconds=settings.batch_seconds,
    )

    def transcribe(rows: tuple[int, ...]) -> list[str]:
        chosen = [utterances[row] for row in rows]
        waveforms = [
            read_audio(u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=rate).samples
            for u in chosen
        ]
        return hear(inference, tokenizer, waveforms)

    if next(model.parameters()).is_cuda:
        workers = 1  # a device computes one batch at a time, and its memory holds one
    warm_up()
    texts = [""] * len(utterances)
    done = 0
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for rows, found in zip(batches, pool.map(transcribe, batches), strict=True):
            for row, text in zip(rows, found, strict=True):
                texts[row] = text
            done += len(rows)
            progress(done, len(utterances))
    return texts
