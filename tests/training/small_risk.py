"""Cases of learning from errors that are so small that every path can be listed."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from asr import recipe
from asr.batching import Batch
from asr.model.acoustic import Posteriors
from asr.randomness import Draws
from asr.scoring import count_errors
from asr.tokenizer import CharacterTokenizer
from asr.training.risk import Expected, Risk, distance

Tokens = tuple[int, ...]
LETTERS = CharacterTokenizer([" ", "a", "b"])  # 1, 2, 3
FRAMES, SIZE = 3, 4
REFERENCE = (2, 1, 3)  # "a b"
PATHS = list(itertools.product(range(SIZE), repeat=FRAMES))


def tokens_of(path: Sequence[int]) -> Tokens:
    return tuple(token for token, _ in itertools.groupby(path) if token)


def some_logits(seed: int, frames: int = FRAMES) -> Tensor:
    """(1, frames, SIZE) that want a gradient: probabilities stay such, whichever way these move."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, frames, SIZE, generator=generator, dtype=torch.float64, requires_grad=True)


def errors_of(tokens: Tokens, unit: str = "word") -> int:
    if unit == "token":
        return distance(REFERENCE, tokens)
    return count_errors(LETTERS.decode(REFERENCE), LETTERS.decode(tokens), unit).errors


def by_tokens(matrix: Tensor) -> dict[Tokens, Tensor]:
    """Probability of everything that can be read, over all paths."""
    found: dict[Tokens, Tensor] = {}
    for path in PATHS:
        log_prob = torch.stack([matrix[0, frame, token] for frame, token in enumerate(path)]).sum()
        tokens = tokens_of(path)
        found[tokens] = found.get(tokens, torch.zeros((), dtype=torch.float64)) + log_prob.exp()
    return found


def batch_of(*references: Tokens) -> Batch:
    width = max(map(len, references))
    return Batch(
        ids=tuple(f"u{number}" for number in range(len(references))),
        waveforms=torch.zeros(len(references), 1),
        waveform_lengths=torch.ones(len(references), dtype=torch.int64),
        targets=torch.tensor([[*tokens] + [0] * (width - len(tokens)) for tokens in references]),
        target_lengths=torch.tensor([len(tokens) for tokens in references]),
    )


def found(matrix: Tensor, settings: recipe.Risk, reference: Tokens = REFERENCE, epoch: int = 0) -> Expected:
    lengths = torch.full((len(matrix),), matrix.shape[1])
    batch = batch_of(reference)
    return Risk(settings, LETTERS)(Posteriors(matrix, lengths), batch, Draws(1, epoch, 0, 0, batch.ids))


def gradient(goal: Tensor, leaf: Tensor) -> Tensor:
    return torch.autograd.grad(goal, leaf, retain_graph=True)[0]
