"""The trail of a training: digests by which two trainings are compared step by step.

Every step leaves three fingerprints of four hex digits: what was heard (ids, augmented audio, targets), the losses, and
the sum of the gradients. Every so many steps, and at the end of each epoch, the whole state is digested. So the first
step that differs has a number, and what differs there first says where to look: in the data, in the way forward, in
the way back, or in the optimiser.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Buffer

from asr.batching import Batch
from asr.model.bundle import weights_digest
from asr.training.checkpoint import Learner
from asr.training.cursor import DIGITS, Cursor


def fingerprint(parts: Iterable[Buffer]) -> int:
    """63 bits of SHA-256: fits a signed integer, and so travels between processes in a sum of integers."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def heard_in(batch: Batch) -> int:
    """Fingerprint of what a micro-batch is made of."""
    tensors = (batch.waveforms, batch.waveform_lengths, batch.targets, batch.target_lengths)
    return fingerprint([json.dumps(batch.ids).encode(), *(_bytes(tensor) for tensor in tensors)])


def of_numbers(numbers: Iterable[float]) -> int:
    """Fingerprint of floats, to the last bit."""
    return fingerprint(number.hex().encode() for number in numbers)


def short(*fingerprints: int) -> str:
    """Four hex digits for several fingerprints, in their order."""
    if len(fingerprints) != 1:
        fingerprints = (fingerprint(str(value).encode() + b" " for value in fingerprints),)
    return f"{fingerprints[0]:016x}"[-DIGITS:]


def entry(learner: Learner, cursor: Cursor, pool: Executor) -> dict[str, Any]:
    """Digests of the state after the steps that are done. The three large ones are computed side by side."""
    jobs = [pool.submit(weights_digest, tensors) for tensors in _state(learner)]
    weights, average, optimiser = (job.result() for job in jobs)
    return {
        "step": cursor.total_steps,
        "heard": cursor.heard,
        "loss": cursor.losses,
        "gradient": cursor.gradients,
        "weights": weights,
        "average": average,
        "optimiser": optimiser,
        "cursor": place_digest(cursor),
    }


def place_digest(cursor: Cursor) -> str:
    """SHA-256 of the canonical JSON of where the training stands."""
    place = json.dumps(cursor.place(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(place.encode()).hexdigest()


def add_entry(learner: Learner, cursor: Cursor, pool: Executor) -> None:
    """Puts an entry into the cursor, unless this step has one."""
    if not cursor.trail or cursor.trail[-1]["step"] != cursor.total_steps:
        cursor.trail.append(entry(learner, cursor, pool))
        cursor.heard = cursor.losses = cursor.gradients = ""


def _state(learner: Learner) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor], Mapping[str, Tensor]]:
    moments = {
        f"{key}.{name}": torch.as_tensor(value)
        for name, parameter in learner.model.named_parameters()
        for key, value in learner.optimiser.state[parameter].items()
    }
    weights = {name: value.detach() for name, value in learner.model.named_parameters()}
    return weights, dict(learner.average.model.named_parameters()), moments


def _bytes(tensor: Tensor) -> Buffer:
    flat: Any = tensor.contiguous().reshape(-1).numpy()
    return memoryview(flat)
