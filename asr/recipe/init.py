"""Table of a recipe: a model to begin with."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from asr.frozen import Frozen
from asr.recipe.numbers import Share


class Init(Frozen):
    """Weights to begin with: those of another model, where it has them, instead of fresh ones."""

    model_config = ConfigDict(serialize_by_alias=True)

    source: str = Field(
        default="", alias="from"
    )  # folder of a run or a bundle, as found from the recipe or from --files; "" begins with fresh weights
    rates: dict[str, Share] = Field(
        default_factory=dict
    )  # share of the learning rate for parts of the model ("convolutions", "recurrent.0"); 0 freezes a part

    @model_validator(mode="after")
    def _rates_need_a_source(self) -> Self:
        if self.rates and not self.source:
            raise ValueError('rates are for parts of a model that is begun with; set from = "RUN_OR_BUNDLE"')
        if self.source.startswith(("/", "~")):
            raise ValueError(
                "from is a path relative to the recipe, as a record holds no places of a machine; name its folder "
                "with --files"
            )
        return self
