"""A decoder that writes the tokens one after the other and looks at the encoder's frames with attention.

It stands beside the CTC output (Watanabe et al., 2017, "Hybrid CTC/attention architecture for end-to-end speech
recognition") and reads the same frames: those of the last layer. What a token depends on is the tokens before it, so
in training, and for a reading that is to be scored, all of them are computed at once (teacher forcing).

Each layer is an LSTM over the tokens so far, and attention of what it knows over the frames (several heads, scaled dot
products: Vaswani et al., 2017, section 3.2). Nothing is fed back from the attention into the LSTM of the same layer:
the recurrence then is one call of the fast kernel instead of one a token.

CTC says how many tokens are over at each frame. A head likes frames where that is about as many as have been written,
as much as it has learned to: a soft form of triggered attention (Moritz et al., 2019). Without it a decoder that learns
from an hour of speech is lost where a word comes twice.
"""

import math

import torch
from torch import Tensor, nn

from asr.model.masking import dropout
from asr.model.padding import valid
from asr.model.recurrent import LstmLayer
from asr.randomness import Draws
from asr.recipe import AttentionDecoder as Settings

# Of a query at a frame by a head, computed at once, at most, where nothing is learned: 64 MiB of double precision.
PLACES = 1 << 23
BORDER = 0  # the blank's number, which no text has: what a text begins with, and the token that ends it


def tokens_over(log_probs: Tensor) -> Tensor:
    """How many tokens CTC has begun up to each frame, that frame included, as it expects: no gradient goes through it.

    A token begins where it is heard and was not heard in the frame before: of its probability there, the share that was
    not there before.

    Args:
        log_probs: (B, T, tokens), blank at 0.

    Returns:
        (B, T), at least what it was the frame before.
    """
    heard = log_probs.detach()[:, :, 1:].exp()
    before = torch.cat([torch.zeros_like(heard[:, :1]), heard[:, :-1]], 1)
    begun = (heard * (1 - before)).sum(2)
    if begun.device.type == "cpu":
        return begun.cumsum(1)
    # A running sum has no fixed order on some devices.
    return begun @ begun.new_ones(begun.shape[1], begun.shape[1]).triu()


class CrossAttention(nn.Module):
    """What is looked for among frames, by several heads.

    Shape:
        values (B, U, width); frames (B, T, inputs) with lengths (B,) of 1 or more and the tokens that are over (B, T),
        or one row of them for all B -> (B, U, width)
    """

    def __init__(self, width: int, inputs: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(inputs, width)
        self.value = nn.Linear(inputs, width)
        self.output = nn.Linear(width, width)
        # Tokens over, less those written, that a head likes best, and how much others are disliked.
        self.offset = nn.Parameter(torch.full((heads,), 0.5))
        self.sharpness = nn.Parameter(torch.ones(heads))

    def forward(self, values: Tensor, frames: Tensor, lengths: Tensor, over: Tensor) -> Tensor:
        rows = values.shape
        # No query knows of another one: those of all rows can look at the same frames as if they were one row.
        queries = self._by_head(self.query(values).view(len(frames), -1, rows[2]))
        keys, found = self._by_head(self.key(frames)), self._by_head(self.value(frames))
        written = torch.arange(rows[1], device=over.device).repeat(rows[0] // len(frames))
        hidden = ~valid(lengths, frames.shape[1])[:, None, None, :]
        size = len(written)
        if not torch.is_grad_enabled():  # a long text in a long recording
            size = max(1, PLACES // (self.heads * frames.shape[1] * len(frames)))
        parts = [
            self._shares(some, keys, over, count, hidden) @ found
            for some, count in zip(torch.split(queries, size, 2), torch.split(written, size), strict=True)
        ]
        seen: Tensor = self.output(torch.cat(parts, 2).transpose(1, 2).reshape(rows))
        return seen

    def _shares(self, queries: Tensor, keys: Tensor, over: Tensor, written: Tensor, hidden: Tensor) -> Tensor:
        """(B, heads, queries, T) how much of each frame is looked at."""
        likeness = queries @ keys.transpose(2, 3) / math.sqrt(keys.shape[3])
        away = over[:, None, None, :] - written[None, None, :, None] - self.offset[None, :, None, None]
        likeness = likeness - (self.sharpness[None, :, None, None] * away).square()
        return likeness.masked_fill(hidden, -math.inf).softmax(-1)

    def _by_head(self, values: Tensor) -> Tensor:
        """(B, N, width) to (B, heads, N, width / heads)."""
        rows, size, width = values.shape
        return values.view(rows, size, self.heads, width // self.heads).transpose(1, 2)


class AttentionDecoder(nn.Module):
    """Frames and tokens to log-probs of each next token.

    Args:
        inputs: values of a frame.
        tokens: how many there are, the blank included; its number stands for the border of a text.
    """

    def __init__(self, inputs: int, tokens: int, settings: Settings) -> None:
        super().__init__()
        self.settings, self.tokens, width = settings, tokens, settings.hidden
        self.embedding = nn.Linear(tokens, width, bias=False)
        layers = range(settings.layers)
        self.recurrent = nn.ModuleList(LstmLayer(width, width, bidirectional=False) for _ in layers)
        self.attention = nn.ModuleList(CrossAttention(width, inputs, settings.heads) for _ in layers)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * settings.layers))
        self.output = nn.Linear(width, tokens)

    def forward(
        self, frames: Tensor, lengths: Tensor, over: Tensor, before: Tensor, draws: Draws | None = None
    ) -> Tensor:
        """
        Args:
            frames: (B, T, inputs), or (1, T, inputs) for all rows.
            lengths: (B,) or (1,) frames.
            over: (B, T) or (1, T) tokens that are over at each frame (`tokens_over`).
            before: (B, U) the token before each place.
            draws: given in training; they switch dropout on.

        Returns:
            (B, U, tokens) natural log, normalised.
        """
        rows, size = before.shape
        # A product, not a look-up: the gradient of one adds up in an order of its own on some devices.
        values = self.embedding(self._one_hot(before).to(frames.dtype))
        # Whatever stands behind the end of a text comes after all that is looked at: nothing has to be packed.
        steps, whole = [size] * rows, torch.full((rows,), size, device=before.device)
        parts = zip(self.recurrent, self.attention, self.norms[::2], self.norms[1::2], strict=True)
        for number, (recurrent, attention, first, second) in enumerate(parts):
            values = self._dropped(values, draws, f"{number}.recurrent")
            values = first(values + recurrent(values, whole, steps))
            looked = attention(self._dropped(values, draws, f"{number}.attention"), frames, lengths, over)
            values = second(values + looked)
        logits: Tensor = self.output(self._dropped(values, draws, "output"))
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)

    def loss(
        self,
        frames: Tensor,
        lengths: Tensor,
        over: Tensor,
        targets: Tensor,
        target_lengths: Tensor,
        draws: Draws | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """Negative log-likelihood of each target and its end.

        Args:
            frames, lengths, over: as for `forward`.
            targets: (B, U), zero past each length.
            target_lengths: (B,) tokens.
            smoothing: share of each goal that is spread evenly over all tokens (Szegedy et al., 2016, section 7).

        Returns:
            (B,) nats.
        """
        border = targets.new_full((len(targets), 1), BORDER)
        log_probs = self(frames, lengths, over, torch.cat([border, targets], 1), draws)
        goals = self._one_hot(torch.cat([targets, border], 1))  # zeros past the length: the border by itself
        # Not gathered: the gradient of that adds up in an order of its own on some devices.
        each = torch.where(goals, log_probs, 0.0).sum(2)
        if smoothing:
            each = (1 - smoothing) * each + smoothing * log_probs.mean(2)
        said = valid(target_lengths + 1, each.shape[1])
        return -torch.where(said, each, 0.0).sum(1)

    def _one_hot(self, tokens: Tensor) -> Tensor:
        """(B, U) to (B, U, tokens) of bool."""
        return tokens[:, :, None] == torch.arange(self.tokens, device=tokens.device)

    def _dropped(self, values: Tensor, draws: Draws | None, place: str) -> Tensor:
        return dropout(values, self.settings.dropout, draws, f"attention_decoder.{place}")
