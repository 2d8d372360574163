"""Models of each family that a recipe can ask for (docs/families.md), in keys of [model]; sizes come from the test."""

from typing import Any

VGG = (
    {"channels": 3},
    {"channels": 3, "pool": (2, 2)},
    {"channels": 4, "kernel": (3, 5)},
    {"channels": 4, "pool": (2, 3)},
)
FAMILIES: dict[str, dict[str, Any]] = {
    "gru": {"cell": "gru"},
    "gru, one way": {"cell": "gru", "bidirectional": False},
    "rnn, uniform start": {"cell": "rnn", "recurrent_start": "uniform"},
    "residual": {"residual": True, "layers": 3},
    "not normalised": {"normalisation": "none"},
    "pooling": {"convolutions": VGG},
    "pyramid": {"layers": 4, "pyramid": 3, "convolutions": ()},
    "attention between": {"layers": 3, "self_attention": {"place": "between"}},
    "attention within a reach": {"self_attention": {"place": "after", "heads": 2, "reach": 5}},
    "attention to the past": {"bidirectional": False, "self_attention": {"place": "after"}},
    "all at once": {
        "cell": "gru",
        "layers": 4,
        "pyramid": 1,
        "residual": True,
        "convolutions": VGG,
        "self_attention": {"place": "between", "reach": 3},
        "intermediate_loss": 0.3,
        "attention_decoder": {"layers": 1, "hidden": 4, "heads": 2},
    },
}
