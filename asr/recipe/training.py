"""Tables of a recipe: what is changed in the audio, and how the model learns."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from asr.frozen import Frozen
from asr.recipe.numbers import Count, Decay, Positive, Share

JOINED = 4  # utterances


def _is_best(chosen: object) -> bool:
    return chosen == "best"


# Not said where it is the best: recipes keep the digest that they had before another could be chosen.
Chosen = Annotated[Literal["best", "last"], Field(exclude_if=_is_best)]


class SpecAugment(Frozen):
    """Masks over features in training (Park et al., 2019); 0 masks switch it off."""

    frequency_masks: Count = 2  # an utterance
    frequency_share: Share = 0.25  # widest mask, of all bands
    time_masks: Count = 2  # an utterance
    time_share: Share = 0.15  # widest mask, of the utterance's frames
    time_seconds: Annotated[float, Field(ge=0)] = 0.4  # and never wider than this


class Augment(Frozen):
    """Changes to waveforms in training."""

    speed: tuple[Annotated[float, Field(gt=0.4, lt=2.5)], ...] = (0.9, 1.0, 1.1)  # one is drawn an utterance
    edges: Annotated[float, Field(ge=0, le=2)] = 0.0  # seconds by which beginning and end move, at most
    noise_probability: Share = 0.0  # share of utterances with noise added
    noise_snr: tuple[float, float] = (10.0, 30.0)  # dB, drawn evenly in between
    joined: Share = 0.0  # share of micro-batches whose utterances are heard one after the other, as one
    joined_utterances: Annotated[int, Field(ge=2)] = JOINED  # that are joined to one, at most

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.speed:
            raise ValueError("speed needs one factor or more; [1.0] leaves the speed as it is")
        if self.noise_snr[0] > self.noise_snr[1]:
            raise ValueError(f"noise_snr is [low, high] in dB, got {list(self.noise_snr)}")
        if not self.joined and self.joined_utterances != JOINED:
            raise ValueError("joined_utterances is of no use where none are joined; set joined, too")
        return self

    @model_serializer(mode="wrap")
    def _as_before_there_was_joining(self, dump: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]
        """Recipes that join nothing keep the digest that they had before anything could be joined.

        Without a type that it returns: the JSON schema would take that for the table's.
        """
        tree: dict[str, Any] = dump(self)
        if not self.joined:
            for key in ("joined", "joined_utterances"):
                tree.pop(key, None)
        return tree


class Train(Frozen):
    """How the model learns."""

    epochs: Positive = 50  # at most
    patience: Count = 0  # epochs without a better development result before stopping; 0 never stops early
    chosen_epoch: Chosen = "best"  # the model: best on development data, or last
    utterances: Positive = 8  # in a micro-batch, at most
    seconds: Annotated[float, Field(gt=0)] = 120.0  # of padded audio in a micro-batch, at most
    window_seconds: Annotated[float, Field(ge=0)] = 0.0  # longer utterances are heard in windows; 0: none is
    overlap_seconds: Annotated[float, Field(ge=0)] = 4.0  # of a window with the next one
    curriculum: Count = 0  # first epochs, in which utterances come from short to long
    micro_batches: Positive = 2  # in a step, whatever the number of workers
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3  # at its peak
    warm_up: Share = 0.1  # share of all steps in which the rate rises; then it falls as a half cosine
    final_rate: Share = 0.01  # share of the peak that is left at the end
    weight_decay: Annotated[float, Field(ge=0)] = 0.01  # of AdamW; of weights alone
    betas: tuple[Decay, Decay] = (0.9, 0.98)  # AdamW's memory of gradients and of their squares
    clip: Annotated[float, Field(gt=0)] = 1.0  # largest norm of the gradient of the loss in nats a token
    averaging: Decay = 0.998  # decay of the moving average of weights; 0: none
    consistency: Annotated[float, Field(ge=0)] = 0.0  # weight of agreement between two maskings; 0: one
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 60.0  # of work lost at most by a killed process
    digest_every: Positive = 50  # steps between digests of weights, optimiser and cursor in the record
    keep_checkpoints: Count = 3  # spread over the epochs and kept with the run, for audits of a part of it

    @model_validator(mode="after")
    def _windows_go_on(self) -> Self:
        if self.window_seconds and self.overlap_seconds >= self.window_seconds:
            raise ValueError(
                f"need overlap_seconds < window_seconds, got {self.overlap_seconds:g} and {self.window_seconds:g}"
            )
        return self

    @model_validator(mode="after")
    def _patience_has_a_best(self) -> Self:
        if self.patience and self.chosen_epoch == "last":
            raise ValueError('patience waits for a better epoch; with chosen_epoch = "last" set it to 0')
        return self
