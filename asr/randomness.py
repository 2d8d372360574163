"""Keyed randomness: every draw comes from a generator named by what it is for, never by what ran before.

A key is (seed, purpose, and whatever else tells this draw from others: epoch, step, utterance id). So a draw
does not depend on the number of workers, on their order or on an interruption, and there is no random state
to save.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Key = int | str


def keyed_seed(seed: int, purpose: str, *key: Key) -> int:
    """63 bits of BLAKE2b over the typed key: the same on every machine and in every Python."""
    text = json.dumps([seed, purpose, *key], separators=(",", ":"))  # tells 1 from "1", and escapes
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def numpy_generator(seed: int, purpose: str, *key: Key) -> np.random.Generator:
    """A Philox generator of its own for one draw or one group of draws."""
    return np.random.Generator(np.random.Philox(keyed_seed(seed, purpose, *key)))


def torch_generator(
    seed: int, purpose: str, *key: Key, device: "torch.device | str" = "cpu"
) -> "torch.Generator":
    """Like `numpy_generator`, for torch. CPU and CUDA draw different numbers from one key."""
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(keyed_seed(seed, purpose, *key))
    return generator


@dataclass(frozen=True)
class Draws:
    """The randomness of one micro-batch: its place in the training, and the utterances in it."""

    seed: int
    epoch: int
    step: int
    micro_batch: int
    ids: tuple[str, ...]

    def for_utterance(self, purpose: str, row: int) -> np.random.Generator:
        """Depends on the epoch and the utterance, not on the batch that it landed in."""
        return numpy_generator(self.seed, purpose, self.epoch, self.ids[row])

    def for_layer(self, purpose: str, layer: str, device: "torch.device | str") -> "torch.Generator":
        """Depends on the epoch, step and micro-batch, not on which worker computes it."""
        return torch_generator(
            self.seed, purpose, self.epoch, self.step, self.micro_batch, layer, device=device
        )
