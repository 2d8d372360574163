"""The model that a training began with, as the record knows it."""

from asr.frozen import Frozen


class InitialUsed(Frozen):
    """Weights that were there before the first step."""

    name: str  # of that model's recipe
    weights: str  # SHA-256 of its weights file, as in its model.json
    recipe_digest: str  # of the run that made it; "" when unknown
    shared_tokens: int  # that both have, the blank among them; their rows of the output layer were kept
    fresh_tokens: list[str]  # that began with fresh weights
    left_tokens: int  # of the other model that this one has not
