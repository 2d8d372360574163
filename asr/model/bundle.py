"""The bundle: a self-sufficient folder that holds a model. Weights are safetensors, the rest is JSON.

model.json           format, architecture, front end, text normaliser, tokenizer, digests of the other files
weights.safetensors  parameters by name, float32
decoder.json, ...    how a search reads what the model hears, if it carries one (asr.decoding.bundled)
confidence.json      how sure it is of a word, if it carries an estimator of that (asr.confidence.bundled)
model.onnx, ...      the same without torch, if it was exported (asr.model.exported)
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from asr.errors import BundleError
from asr.files import sha256_file, write_json
from asr.model.acoustic import AcousticModel
from asr.model.described import Described, read_described
from asr.model.description import FORMAT, Description, read_bundle_description
from asr.model.tensors import write_tensors
from asr.text import TextVersion
from asr.tokenizer import Tokenizer


@dataclass(frozen=True)
class Bundle(Described):
    """A model ready to use, in evaluation mode, on the CPU."""

    model: AcousticModel


def save_bundle(
    folder: Path,
    model: AcousticModel,
    tokenizer: Tokenizer,
    *,
    name: str,
    text: TextVersion,
    recipe_digest: str = "",
) -> Description:
    """Writes the folder; model.json comes last, so a bundle with one is complete."""
    weights = folder / "weights.safetensors"
    write_tensors(weights, model.state_dict())
    description = Description(
        format=FORMAT,
        name=name,
        front_end=model.front_end.settings,
        model=model.settings,
        text=text,
        tokenizer=tokenizer.to_json(),
        weights=sha256_file(weights),
        recipe_digest=recipe_digest,
    )
    return _write(folder, description)


def name_decoder(folder: Path, digest: str) -> Description:
    """Makes the search that lies in the folder (asr.decoding.bundled) a part of the bundle.

    Args:
        digest: SHA-256 of decoder.json; "" takes it out again.
    """
    return _write(folder, read_bundle_description(folder).model_copy(update={"decoder": digest}))


def _write(folder: Path, description: Description) -> Description:
    write_json(folder / "model.json", description.to_json())
    return description


def load_bundle(folder: Path) -> Bundle:
    """Reads a bundle and checks its weights against the digest in model.json.

    Raises:
        BundleError: a file is missing, altered, or of another format; the message names it.
    """
    described = read_described(folder)
    description, tokenizer = described.description, described.tokenizer
    weights = folder / "weights.safetensors"
    if not weights.is_file():
        if description.onnx:
            raise BundleError(
                f"{weights}: not there: this bundle has an ONNX file alone, which onnxruntime runs and torch cannot; "
                "take the run or bundle that it was exported from"
            )
        raise BundleError(f"{weights}: missing; a bundle is model.json and weights.safetensors")
    found = sha256_file(weights)
    if found != description.weights:
        raise BundleError(
            f"{weights}: altered or damaged: SHA-256 is {found[:12]}…, model.json says "
            f"{description.weights[:12]}…; get the bundle again"
        )
    with torch.device("meta"), _NoDraws():
        model = AcousticModel(description.front_end, description.model, tokenizer.size)
    _map_weights(model, weights)
    return Bundle(description, tokenizer, model.eval().requires_grad_(False))


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and float32 bytes, in the order of the names. Knows no file format."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {list(value.shape)} {value.dtype}\n".encode())
        flat: Any = value.reshape(-1).numpy()
        digest.update(flat)  # its bytes, without a copy of them
    return digest.hexdigest()


def _map_weights(model: AcousticModel, weights: Path) -> None:
    """Parameters become views of the file, mapped into memory: nothing is copied, and processes share its pages."""
    try:
        tensors = load_file(weights)
        other = sorted(name for name, value in tensors.items() if value.dtype != torch.float32)
        if other:
            raise BundleError(f"{weights}: expected float32, found {tensors[other[0]].dtype} in {other[0]}")
        model.load_state_dict(tensors, assign=True)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"{weights}: does not fit model.json: {reason}") from None


class _NoDraws(TorchFunctionMode):
    """Draws of fresh weights do nothing: they are replaced at once, and for a model without memory ("meta") torch
    would load its compiler to draw them, which takes longer than all the rest."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func in _DRAWS else func(*args, **(kwargs or {}))


_DRAWS = (Tensor.normal_, Tensor.uniform_)
