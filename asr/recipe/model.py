"""Tables of a recipe that travel with every model: front end and network."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asr.frozen import Frozen
from asr.recipe.numbers import Positive


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


class Convolution(Frozen):
    """One two-dimensional convolution: time first, frequency second."""

    channels: Positive  # planes of output
    kernel: tuple[Positive, Positive] = (3, 3)  # frames, bands; odd
    stride: tuple[Positive, Positive] = (1, 1)  # frames, bands: what one step of the output is worth

    @model_validator(mode="after")
    def _odd_kernel(self) -> Self:
        if any(size % 2 == 0 for size in self.kernel):
            raise ValueError(f"kernel sizes must be odd so that frames stay centred, got {list(self.kernel)}")
        return self


class Model(Frozen):
    """Acoustic model: convolutions, projection, recurrent layers, output layer."""

    convolutions: tuple[Convolution, ...] = (
        Convolution(channels=32, stride=(2, 2)),
        Convolution(channels=32, stride=(1, 2)),
    )
    projection: Positive = 256  # values a frame going into the recurrent layers
    layers: Positive = 3  # recurrent ones
    hidden: Positive = 256  # LSTM units in each direction
    bidirectional: bool = True  # false: each layer hears the past alone
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2  # before every recurrent layer and the output layer
    intermediate_loss: Annotated[float, Field(ge=0, lt=1)] = 0.0  # weight of a CTC loss on the middle layer
