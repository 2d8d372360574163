"""How words are read, as an estimator remembers it: confidences learned of one way say nothing of another."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from asr.decoding.decoder import Decoder
from asr.files import sha256_file


def described(decoder: Decoder) -> dict[str, Any]:
    """How words are read, so that an estimator is used for none that are read otherwise. No path in it."""
    if decoder.settings is None:
        return {"name": "greedy"}
    settings = {name: value for name, value in asdict(decoder.settings).items() if name != "n_best"}
    path = getattr(decoder.model, "path", None)
    spellings = json.dumps(sorted(decoder.lexicon.spellings)) if decoder.lexicon is not None else ""
    attention = {}
    if decoder.attention_weight:
        attention = {
            "attention_weight": decoder.attention_weight,
            "attention_readings": decoder.attention_readings,
        }
    return {
        "name": "beam",
        "settings": settings,
        "engine": decoder.engine,
        "prior_weight": decoder.prior_weight,
        "language_model": sha256_file(path) if path is not None else "",
        "lexicon": hashlib.sha256(spellings.encode()).hexdigest() if spellings else "",
        **attention,
        **({"hearings": decoder.hearings} if decoder.hearings > 1 else {}),
    }
