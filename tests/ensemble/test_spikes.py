"""The benchmark that counts how far apart two models hear a token."""

import importlib.util
from collections import Counter
from pathlib import Path

SPIKES = Path(__file__).resolve().parents[2] / "benchmarks" / "spikes.py"


def test_by_hand() -> None:
    """The first and the second model read the same; the third reads something else, and is compared with nobody."""
    spec = importlib.util.spec_from_file_location("spikes", SPIKES)
    assert spec is not None
    assert spec.loader is not None
    spikes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(spikes)
    readings = [((1, 2, 3), (0, 5, 9)), ((1, 2, 3), (0, 4, 11)), ((1, 2), (0, 5))]
    assert spikes.apart(readings) == Counter({0: 1, 1: 1, 2: 1})
