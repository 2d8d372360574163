"""What a model hears in utterances: greedy transcripts in batches of like length, log-probs one by one."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice

import torch

from asr.audio import read_audio
from asr.batching import batches_by_length
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel
from asr.model.hearings import Hearings
from asr.model.inference import Inference
from asr.numerics import warm_up
from asr.recipe import Score
from asr.sound_file import Samples
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs, hear, posteriors

AHEAD = 4  # utterances that a worker computes before they are asked for, at most
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

    def computed(rows: Sequence[int]) -> list[str]:
        chosen = [utterances[row] for row in rows]
        return hear(inference, tokenizer, [_samples(utterance, rate) for utterance in chosen])

    if next(model.parameters()).is_cuda:
        workers = 1  # a device computes one batch at a time, and its memory holds one
    warm_up()
    found: dict[int, str] = {}
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for rows, results in zip(batches, pool.map(computed, batches), strict=True):
            found.update(zip(rows, results, strict=True))
            progress(len(found), len(utterances))
    return [found[row] for row in range(len(utterances))]


def log_probs_alone(
    model: AcousticModel,
    utterances: Sequence[Utterance],
    *,
    workers: int = 1,
    hearings: int = 1,
    change: Callable[[Utterance, Samples], Samples] = lambda utterance, samples: samples,
    progress: Progress = lambda done, total: None,
) -> Iterator[LogProbs]:
    """(frames, tokens) natural logarithms of each utterance, in their order, each computed by itself.

    What else is in a batch changes log-probs by 2e-5, and a search weighs all of them: there is no telling beforehand
    which utterances are close calls, as there is for greedy decoding. So nothing but the utterance has a say.

    Args:
        hearings: of each utterance, whose mean is given (asr.model.hearings).
        change: of the samples before they are heard; several at once, in threads.

    Raises:
        AudioError: a file cannot be read; the message names it.
    """
    inference, rate = Inference(model), model.front_end.settings.sample_rate
    often = Hearings.of(hearings, model.front_end.settings, model.settings)

    def computed(utterance: Utterance) -> LogProbs:
        return often(change(utterance, _samples(utterance, rate)), partial(posteriors, inference))

    if next(model.parameters()).is_cuda:
        workers = 1
    warm_up()
    rest, waiting = iter(utterances), deque[Future[LogProbs]]()
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for done in range(1, len(utterances) + 1):
                free = AHEAD * workers + 1 - len(waiting)
                waiting.extend(pool.submit(computed, utterance) for utterance in islice(rest, free))
                log_probs = waiting.popleft().result()
                progress(done, len(utterances))
                yield log_probs
        finally:
            for future in waiting:
                future.cancel()


def _samples(utterance: Utterance, rate: int) -> Samples:
    u = utterance
    return read_audio(u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=rate).samples
