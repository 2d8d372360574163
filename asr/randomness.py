"""Keyed randomness: every draw comes from a generator named by what it is for, never by what ran before.

A key is (seed, purpose, and whatever else tells this draw from others: epoch, step, utterance id). So a draw
does not depend on the number of workers, on their order or on an interruption, and there is no random state
to save.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from asr.philox import first_words

if TYPE_CHECKING:
    import torch

Key = int | str
Seeds = npt.NDArray[np.uint64]

BLOCK = 1 << 14  # keys hashed together


def keyed_seed(seed: int, purpose: str, *key: Key) -> int:
    """63 bits of BLAKE2b over the typed key: the same on every machine and in every Python."""
    text = json.dumps([seed, purpose, *key], separators=(",", ":"))  # tells 1 from "1", and escapes
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def numpy_generator(seed: int, purpose: str, *key: Key) -> np.random.Generator:
    """A Philox generator of its own for one draw or one group of draws."""
    return np.random.Generator(np.random.Philox(keyed_seed(seed, purpose, *key)))


def keyed_seeds(seed: int, purpose: str, *key: Key, last: Iterable[bytes]) -> Seeds:
    """`keyed_seed(seed, purpose, *key, x)` for many x at once, at a fifth of the time.

    Args:
        last: each x as it stands in the key: its JSON, ASCII only.

    Returns:
        (number of x,) uint64
    """
    start = json.dumps([seed, purpose, *key], separators=(",", ":"))[:-1].encode() + b","
    blake2b, digests, words = hashlib.blake2b, bytearray(), iter(last)
    while some := list(islice(words, BLOCK)):
        digests += b"".join([blake2b(start + word + b"]", digest_size=8).digest() for word in some])
    return np.frombuffer(digests, "<u8").astype(np.uint64) >> np.uint64(1)


def draw_integers(seeds: Seeds, count: int) -> npt.NDArray[np.int64]:
    """What `integers(count)` is as the first draw of a Philox generator of each seed: (seeds,), each below `count`.

    numpy multiplies 32 random bits by `count` and takes the upper half; the rare lower half that would make some
    numbers likelier than others is drawn again (Lemire, 2019), here by the generator itself.
    """
    if not 1 <= count <= 1 << 31:
        raise ValueError(f"count must be 1 to 2^31, got {count}")
    if count == 1:
        return np.zeros(len(seeds), np.int64)
    product = first_words(seeds)
    product &= np.uint64(0xFFFFFFFF)
    product *= np.uint64(count)
    drawn: npt.NDArray[np.int64] = (product >> np.uint64(32)).astype(np.int64)
    product &= np.uint64(0xFFFFFFFF)
    for row in np.flatnonzero(product < count):
        drawn[row] = np.random.Generator(np.random.Philox(int(seeds[row]))).integers(count)
    return drawn


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
