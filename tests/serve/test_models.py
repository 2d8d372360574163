"""How a server holds its models: each once, with and without the confidence of words."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from small_bundle import write_bundle, write_searching_bundle

from asr import Transcriber
from asr.audio import Audio
from asr.files import sha256_file
from asr.randomness import numpy_generator
from asr.serve.models import load_models

NOISE = Audio(0.3 * numpy_generator(1, "noise").standard_normal(16_000).astype(np.float32), 8_000)


@pytest.mark.parametrize(("write", "batched"), [(write_bundle, True), (write_searching_bundle, False)])
def test_the_quick_way_is_the_same_model_without_confidence(
    write: Callable[[Path], Path], batched: bool, tmp_path: Path
) -> None:
    folder = write(tmp_path / "model")
    served = load_models([f"small={folder}"], device="cpu")["small"]
    sure, quick = served.sure.transcriber, served.quick.transcriber
    assert quick.bundle is sure.bundle
    assert (sure.batched, quick.batched) == (False, batched)
    found = sure(NOISE)
    assert found.words
    assert all(word.confidence is not None for word in found.words)
    without = tuple(replace(word, confidence=None) for word in found.words)
    assert quick(NOISE) == replace(found, words=without)
    assert quick(NOISE) == Transcriber(folder, device="cpu", words=True, confidence="none")(NOISE)


def test_where_no_confidence_is_wanted_there_is_one_way(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "model")
    served = load_models([f"small={folder}"], device="cpu", confidence="none")["small"]
    assert served.quick is served.sure
    assert served.sure.batched


@pytest.mark.parametrize(("decoder", "searches"), [(None, True), ("greedy", False)])
def test_a_model_says_what_it_is_known_by(
    decoder: Literal["greedy"] | None, searches: bool, tmp_path: Path
) -> None:
    folder = write_searching_bundle(tmp_path / "model")
    says = load_models([f"small={folder}"], device="cpu", decoder=decoder)["small"].description
    assert says["weights"] == sha256_file(folder / "weights.safetensors")
    assert says["search"] == (sha256_file(folder / "decoder.json") if searches else "")
    assert (says["engine"], says["version"]) == ("torch", version("attest-asr"))
