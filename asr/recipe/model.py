"""Tables of a recipe that travel with every model: front end and network."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asr.frozen import Frozen
from asr.recipe.numbers import Count, Positive


class FrontEnd(Frozen):
    """Waveform to features. Travels with every model: weights are useless without it."""

    kind: Literal["log-mel", "mfcc"] = "log-mel"  # energies of mel bands, or cepstra made from them
    sample_rate: Positive = 16_000  # Hz
    window: float = 0.025  # seconds
    hop: float = 0.010  # seconds
    mels: Positive = 80  # bands
    coefficients: Positive = 40  # cepstra, for MFCC only
    low: Annotated[float, Field(ge=0)] = 20.0  # Hz, lower edge of the first mel band
    high: Annotated[float, Field(ge=0)] = 0.0  # Hz, upper edge of the last; 0 is half the sample rate
    pre_emphasis: Annotated[float, Field(ge=0, lt=1)] = 0.97  # share of the last sample that is taken off
    floor: Annotated[float, Field(ge=1e-30)] = 1e-10  # power below which the logarithm is cut
    normalise: Literal["utterance", "none"] = "utterance"  # mean 0, variance 1 in each band

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not 0 < self.hop <= self.window:
            raise ValueError(f"need 0 < hop <= window, got {self.hop} s and {self.window} s")
        if self.hop_samples < 1 or self.window_samples < 2:
            raise ValueError(
                f"at {self.sample_rate} Hz the window needs 2 samples and the hop 1, "
                f"got {self.window_samples} and {self.hop_samples}"
            )
        if not self.low < self.upper_edge <= self.sample_rate / 2:
            raise ValueError(
                f"need low < high <= {self.sample_rate / 2:g} Hz (half the sample rate), "
                f"got {self.low:g} and {self.upper_edge:g}"
            )
        if self.kind == "mfcc" and self.coefficients > self.mels:
            raise ValueError(f"need coefficients <= mels, got {self.coefficients} and {self.mels}")
        return self

    @property
    def upper_edge(self) -> float:
        """Hz."""
        return self.high or self.sample_rate / 2

    @property
    def window_samples(self) -> int:
        return round(self.window * self.sample_rate)

    @property
    def hop_samples(self) -> int:
        return round(self.hop * self.sample_rate)

    @property
    def features(self) -> int:
        """Values in a frame."""
        return self.coefficients if self.kind == "mfcc" else self.mels


Pooled = Annotated[int, Field(ge=1, le=16)]
Joins = Annotated[int, Field(ge=0, le=8)]


class Convolution(Frozen):
    """One two-dimensional convolution: time first, frequency second."""

    channels: Positive  # planes of output
    kernel: tuple[Positive, Positive] = (3, 3)  # frames, bands; odd
    stride: tuple[Positive, Positive] = (1, 1)  # frames, bands: what one step of the output is worth
    pool: tuple[Pooled, Pooled] = (
        1,
        1,
    )  # frames, bands of which the largest output is kept; [1, 1] keeps all

    @model_validator(mode="after")
    def _odd_kernel(self) -> Self:
        if any(size % 2 == 0 for size in self.kernel):
            raise ValueError(f"kernel sizes must be odd so that frames stay centred, got {list(self.kernel)}")
        return self


class SelfAttention(Frozen):
    """Outputs of recurrent layers that hear each other, whatever their distance (docs/families.md)."""

    place: Literal["none", "between", "after"] = "none"  # between recurrent layers, or after the last one
    heads: Positive = 4  # that share the width of a recurrent layer
    reach: Annotated[int, Field(ge=0, le=100_000)] = 0  # outputs to either side that are heard; 0: all

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.place == "none" and self != SelfAttention.model_construct():
            raise ValueError('heads and reach are of no use without self-attention; set place = "after"')
        return self


class AttentionDecoder(Frozen):
    """A decoder with attention beside the CTC output (docs/attention-decoder.md); 0 layers: there is none."""

    layers: Count = 0  # each an LSTM over the tokens so far, then attention over the frames; 0: no decoder
    hidden: Positive = 256  # LSTM units, and values of a token
    heads: Positive = 4  # of the attention, among which `hidden` is shared out
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2  # before each LSTM, each attention and the output
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1  # share of a goal spread over all tokens
    loss_share: Annotated[float, Field(gt=0, lt=1)] = 0.3  # of its loss in the joint one; the rest is CTC's

    @model_validator(mode="after")
    def _fitting_heads(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(
                f"hidden is shared out among the heads: need a multiple of {self.heads}, got {self.hidden}"
            )
        return self


class Model(Frozen):
    """Acoustic model: convolutions, projection, recurrent layers, self-attention, output layer (docs/families.md)."""

    convolutions: tuple[Convolution, ...] = (
        Convolution(channels=32, stride=(2, 2)),
        Convolution(channels=32, stride=(1, 2)),
    )
    projection: Positive = 256  # values a frame going into the recurrent layers
    cell: Literal["lstm", "gru", "rnn"] = "lstm"  # of the recurrent layers; rnn: tanh units without gates
    layers: Positive = 3  # recurrent ones
    hidden: Positive = 256  # recurrent units in each direction
    bidirectional: bool = True  # false: each layer hears the past alone
    pyramid: Joins = 0  # so many layers, from the second on, hear two outputs of the one below as one
    residual: bool = False  # layers whose input is as wide as their output add it to that
    normalisation: Literal["layer", "none"] = "layer"  # before projection, after recurrence, in attention
    self_attention: SelfAttention = SelfAttention()
    recurrent_start: Literal["orthogonal", "uniform"] = "orthogonal"  # weights from output to input of a unit
    forget_bias: float = 1.0  # of an LSTM's forget gates at the start
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2  # before every recurrent layer and the output layer
    intermediate_loss: Annotated[float, Field(ge=0, lt=1)] = 0.0  # weight of a CTC loss on the middle layer
    attention_decoder: AttentionDecoder = AttentionDecoder()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        attention, width = self.self_attention, self.width
        if self.pyramid >= self.layers:
            raise ValueError(
                f"pyramid joins outputs between recurrent layers: of {self.layers} layers at most "
                f"{self.layers - 1} can hear pairs, got {self.pyramid}"
            )
        if self.residual and not any(self.adds_input(layer) for layer in range(self.layers)):
            raise ValueError(
                f"residual needs a recurrent layer whose input is as wide as its output, {width}: more layers, "
                f"fewer of them in pyramid, or projection = {width}"
            )
        if self.forget_bias != 1.0 and self.cell != "lstm":
            raise ValueError(f'forget_bias is of the LSTM; cell = "{self.cell}" has no forget gate')
        if attention.place == "between" and self.layers < 2:
            raise ValueError('self_attention.place = "between" needs two recurrent layers; "after" needs one')
        if attention.place != "none" and width % attention.heads:
            raise ValueError(
                f"self_attention.heads must divide the width of a recurrent layer, {width} (hidden in each "
                f"direction), got {attention.heads}"
            )
        return self

    @property
    def width(self) -> int:
        """Values a frame that come out of a recurrent layer."""
        return self.hidden * (2 if self.bidirectional else 1)

    @property
    def recurrent_inputs(self) -> list[int]:
        """Values a frame that go into each recurrent layer."""
        above = [self.width * (2 if self.joins(layer) else 1) for layer in range(1, self.layers)]
        return [self.projection, *above]

    def joins(self, layer: int) -> bool:
        """Whether a recurrent layer (the first is 0) hears two outputs of the one below as one."""
        return 1 <= layer <= self.pyramid

    def adds_input(self, layer: int) -> bool:
        """Whether a recurrent layer adds its input to its output."""
        return self.residual and self.recurrent_inputs[layer] == self.width

    @property
    def attended(self) -> tuple[int, ...]:
        """Recurrent layers (the first is 0) behind which there is self-attention."""
        if self.self_attention.place == "between":
            return tuple(range(self.layers - 1))
        return (self.layers - 1,) if self.self_attention.place == "after" else ()

    @property
    def frames_a_step(self) -> int:
        """Frames of features from one input of the recurrent layers to the next."""
        return math.prod(layer.stride[0] * layer.pool[0] for layer in self.convolutions)

    @property
    def frames_an_output(self) -> int:
        """Frames of features from one output to the next: of n frames there are ceil(n / this) outputs."""
        return int(self.frames_a_step * 2**self.pyramid)

    @property
    def centre(self) -> float:
        """Frames of features from the first one to the middle of what the first output stands for.

        0 for strides, whose outputs are centred on every so manieth frame. Of several outputs that are pooled or joined
        the middle lies between them.
        """
        found, apart = 0.0, 1
        for layer in self.convolutions:
            apart *= layer.stride[0]
            found += (layer.pool[0] - 1) / 2 * apart
            apart *= layer.pool[0]
        for _ in range(self.pyramid):
            found += apart / 2
            apart *= 2
        return found


def samples_an_output(front_end: FrontEnd, model: Model) -> int:
    """Samples from one frame of output to the next."""
    return front_end.hop_samples * model.frames_an_output
