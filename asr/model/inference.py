"""The acoustic model for hearing alone: the same log-probs without what only training needs.

On the CPU oneDNN keeps the weights of a recurrent layer in an order of its own, and brings them into it at every call;
here they are in that order from the start. Frames are kept time first between the layers, as oneDNN wants them, and
padding is not cleared between layers, because no frame of an utterance ever sees it. Features, convolutions and
self-attention are computed for each utterance by itself: they gain nothing from a batch, and their padding, which is
most of the memory that a batch takes, is saved. An utterance alone has the bits that the model gives it.
"""

from typing import Any

import torch
from torch import Tensor

from asr.model.acoustic import AcousticModel, Posteriors
from asr.model.padding import reversal
from asr.model.pyramid import joined
from asr.model.recurrent import LstmLayer, RecurrentLayer

_LSTM = 2  # of torch's numbers for kinds of recurrent layers


class Inference:
    """An acoustic model in evaluation mode. Where its weights change, another one has to be made.

    Shape:
        waveforms (B, samples) float32 at the front end's sample rate, zero past each length;
        lengths (B,) samples -> Posteriors
    """

    def __init__(self, model: AcousticModel) -> None:
        self.model = model.eval()
        self.device = next(model.parameters()).device
        self._layers: list[_PackedLayer | _PlainLayer] = []
        if self.device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            self._layers = [_layer(layer) for layer in model.recurrent]

    @torch.inference_mode()
    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Posteriors:
        if not self._layers:
            heard: Posteriors = self.model(waveforms.to(self.device), lengths.to(self.device))
            return heard
        model = self.model
        planes, frames = self._planes(waveforms, lengths)
        projected: Tensor = model.projection(model.input_norm(planes))
        values = projected.transpose(0, 1).contiguous()  # (T, B, inputs)
        rows = _reversed_rows(frames, len(values))
        for index, (layer, norm) in enumerate(zip(self._layers, model.norms, strict=True)):
            if model.settings.joins(index):
                pairs, frames = joined(values.transpose(0, 1), frames)
                values = pairs.transpose(0, 1).contiguous()
                rows = _reversed_rows(frames, len(values))
            through: Tensor = norm(layer(values, frames, rows))
            values = through + values if model.settings.adds_input(index) else through
            if index in model.settings.attended:
                values = self._attended(index, values, frames)
        values = values.transpose(0, 1).contiguous()
        encoded = None if model.attention_decoder is None else values
        return Posteriors(model.output(values).log_softmax(-1), frames, encoded=encoded)

    def _attended(self, index: int, values: Tensor, frames: Tensor) -> Tensor:
        """(T, B, width) what each utterance hears of itself."""
        attention = self.model.self_attention[str(index)]
        alone = [
            attention(values[:count, row].contiguous()[None], frames[row : row + 1])[0]
            for row, count in enumerate(frames.tolist())
        ]
        return torch.nn.utils.rnn.pad_sequence(alone)

    def _planes(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, values) what the convolutions make of each utterance alone, and (B,) frames."""
        alone = [
            self.model.convolutions(*self.model.front_end(waveform[None, :length], lengths[row : row + 1]))
            for row, (waveform, length) in enumerate(zip(waveforms, lengths.tolist(), strict=True))
        ]
        frames = torch.cat([count for _, count in alone])
        if len(alone) == 1:
            return alone[0][0], frames
        return torch.nn.utils.rnn.pad_sequence([planes[0] for planes, _ in alone], batch_first=True), frames


def _layer(layer: torch.nn.Module) -> "_PackedLayer | _PlainLayer":
    assert isinstance(layer, RecurrentLayer)
    return _PackedLayer(layer) if isinstance(layer, LstmLayer) else _PlainLayer(layer)


class _PlainLayer:
    """One recurrent layer that oneDNN does not know. (T, B, inputs) -> (T, B, hidden * directions)"""

    def __init__(self, layer: RecurrentLayer) -> None:
        self.layer = layer

    def __call__(self, values: Tensor, frames: Tensor, _rows: Tensor) -> Tensor:
        outputs: Tensor = self.layer(values.transpose(0, 1), frames)
        return outputs.transpose(0, 1).contiguous()


class _PackedLayer:
    """One LSTM layer. (T, B, inputs) -> (T, B, hidden * directions)"""

    def __init__(self, layer: LstmLayer) -> None:
        self.hidden = layer.hidden_size
        self.directions = []
        for suffix in ("", "_reverse") if layer.bidirectional else ("",):
            inputs, recurrent, *biases = (weight.detach() for weight in layer.weights(suffix))
            # hidden units, reverse, has biases, batch first
            packed = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
                inputs, recurrent, self.hidden, False, True, False
            )
            self.directions.append((*packed, *biases))

    def __call__(self, values: Tensor, _frames: Tensor, rows: Tensor) -> Tensor:
        forward = self._direction(values, 0)
        if len(self.directions) == 1:
            return forward
        backward = self._direction(_take(values, rows), 1)
        return torch.cat([forward, _take(backward, rows)], dim=2)

    def _direction(self, values: Tensor, number: int) -> Tensor:
        start = values.new_zeros(1, values.shape[1], self.hidden)
        # reverse, batch sizes, kind, hidden units, layers, has biases, bidirectional, batch first, train
        settings: tuple[Any, ...] = (False, [], _LSTM, self.hidden, 1, True, False, False, False)
        outputs: Tensor = torch.ops.aten.mkldnn_rnn_layer(
            values, *self.directions[number], start, start, *settings
        )[0]
        return outputs


def _reversed_rows(frames: Tensor, size: int) -> Tensor:
    """(size * B,) rows of flattened (size, B) frames that reverse each utterance and leave its padding in place."""
    batch = len(frames)
    positions = reversal(frames, size).t()  # (size, B)
    return (positions * batch + torch.arange(batch)).reshape(-1)


def _take(values: Tensor, rows: Tensor) -> Tensor:
    return values.flatten(0, 1).index_select(0, rows).view_as(values)
