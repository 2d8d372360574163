"""Table of a recipe: learning from the errors of hypotheses."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from asr.frozen import Frozen
from asr.recipe.numbers import Positive, Weight


class Risk(Frozen):
    """Learning from the errors that are expected, by a model that is trained already (docs/error-rate-learning.md)."""

    kind: Literal["none", "n-best", "sampled"] = "none"  # over which hypotheses; none: they are not looked at
    hypotheses: Annotated[int, Field(ge=2)] = 4  # of an utterance; of the n best there may be fewer
    unit: Literal["word", "character", "token"] = "word"  # what errors are counted in
    beam: Positive = 8  # prefixes that the search for the n best keeps after a frame
    ctc_weight: Weight = 0.01  # of the loss that there is without this, in nats; one error weighs 1

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.kind == "n-best" and self.beam < self.hypotheses:
            raise ValueError(
                f"a beam of {self.beam} cannot give the {self.hypotheses} best; set beam to as many or more"
            )
        return self
