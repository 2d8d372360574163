"""`asr export`: a new bundle with an ONNX file in it, which is there when it has been checked, or not at all."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch

from asr.decoding.bundled import bundled_attention
from asr.decoding.rescoring import AttentionUsed
from asr.engine.runtime import load_runtime, session
from asr.errors import BundleError
from asr.export.checking import Compared, compare
from asr.export.graph import model_graph
from asr.export.material import Material, material_for
from asr.export.nodes import IR_VERSION, OPSET
from asr.export.rounding import rounded
from asr.model.bundle import Bundle, load_bundle
from asr.model.contents import LIST, MODEL, WEIGHTS, Sources, bundle_sources, contents_of, write_bundle
from asr.model.exported import EXPORT, ONNX, Export, Precision, Versions
from asr.model.named import find_model
from asr.models.checking import Checked, check_bundle
from asr.numerics import one_thread

Stage = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Exported:
    """What came of an export."""

    folder: Path
    export: Export
    compared: tuple[Compared, ...]  # float32 and, of one in 8 bits, that
    sizes: tuple[int, ...]  # bytes of each as a file
    ctc_alone: bool  # the model has an attention decoder, which no ONNX file has
    attention: AttentionUsed | None  # what it has to say in the search of the bundle


def default_out(model: str | Path, precision: Precision) -> Path:
    """The folder beside a run or a bundle: its name, and what it is. Relative, where the model was given so."""
    folder, here = find_model(model), Path.cwd()
    absolute = folder.absolute()
    whole = absolute.parent if absolute.name == "model" and absolute.parent.name else absolute
    found = whole.with_name(f"{whole.name}-{'onnx' if precision == 'float32' else 'int8'}")
    return found.relative_to(here) if not folder.is_absolute() and found.is_relative_to(here) else found


def export(
    model: str | Path,
    out: Path,
    *,
    precision: Precision = "float32",
    manifest: Path | None = None,
    weights: bool = True,
    accept_loss: bool = False,
    progress: Stage = lambda stage, done, total: None,
) -> Exported:
    """Writes a copy of a bundle with an ONNX file, if that hears the same as torch.

    Args:
        model: a run, a bundle or the name of a model, which stays as it is.
        out: a new folder.
        manifest: what is heard for the check; None: the development part of the run, or sound that is made up.
        weights: keep weights.safetensors, so that torch can run it, too.
        accept_loss: write one in 8 bits though it is worse.

    Raises:
        BundleError: no such model, it is damaged, `out` is there, or the ONNX file does not hear the same.
        AudioError, ManifestError: what is to be heard cannot be read.
        AsrError: onnxruntime is not installed.
        StorageError: `out` cannot be written.
    """
    load_runtime()
    folder = find_model(model)
    if out.exists():
        raise BundleError(
            f"{out}: already there; an export is a new folder: choose another --out, or remove it"
        )
    checked = check_bundle(folder)
    bundle = load_bundle(folder)
    rate, text = bundle.description.front_end.sample_rate, bundle.description.text
    material = material_for(folder, manifest, rate, text)
    one_thread()
    files, compared = _checked(folder, bundle, material, precision, accept_loss, progress)
    made = Export(
        weights=bundle.description.weights,
        weights_here=weights,
        onnx=sha256(files[-1]).hexdigest(),
        bytes=len(files[-1]),
        parameters=checked.parameters,
        precision=precision,
        opset=OPSET,
        ir_version=IR_VERSION,
        versions=_versions(),
        check=compared[-1].check,
    )
    sources = _sources(folder, checked, made, files[-1])
    contents = contents_of(sources)
    for name, source in sources.items():
        if isinstance(source, Path) and contents.files[name] != checked.contents.files[name]:
            raise BundleError(f"{source}: changed while it was exported; export it when nothing writes to it")
    write_bundle(out, {**sources, LIST: contents.to_bytes()})
    return Exported(
        out,
        made,
        compared,
        tuple(map(len, files)),
        bool(bundle.description.model.attention_decoder.layers),
        bundled_attention(folder, bundle),
    )


def _checked(
    folder: Path, bundle: Bundle, material: Material, precision: Precision, accept_loss: bool, progress: Stage
) -> tuple[list[bytes], tuple[Compared, ...]]:
    """The float32 file, and the one in 8 bits if that is wanted, each with what it hears."""
    graph = model_graph(bundle.model)
    graphs: list[tuple[onnx.ModelProto, bool]] = [(graph, False)]
    if precision == "int8":
        graphs.append((rounded(graph), True))
    files, found = [], []
    for each, in_8_bits in graphs:
        contents = each.SerializeToString(deterministic=True)
        stage = "8 bits against torch" if in_8_bits else "ONNX against torch"
        compared = compare(
            folder,
            bundle,
            session(contents),
            material,
            rounded=in_8_bits,
            accept_loss=accept_loss,
            progress=partial(progress, stage),
        )
        if compared.fault:
            raise BundleError(f"{folder}: not exported: {compared.fault}")
        files.append(contents)
        found.append(compared)
    return files, tuple(found)


def _versions() -> Versions:
    return Versions(
        attest=version("attest-asr"),
        torch=torch.__version__,
        onnx=onnx.__version__,
        onnxruntime=version("onnxruntime"),
        numpy=np.__version__,
    )


def _sources(folder: Path, checked: Checked, made: Export, contents: bytes) -> Sources:
    """All files of the new bundle, of those that were checked; what it has of an older export is replaced."""
    text = _json(made.model_dump(mode="json"))
    description = checked.bundle.description.model_copy(update={"onnx": sha256(text).hexdigest()})
    sources = {name: each for name, each in bundle_sources(folder).items() if name in checked.contents.files}
    sources |= {MODEL: _json(description.to_json()), EXPORT: text, ONNX: contents}
    if not made.weights_here:
        del sources[WEIGHTS]
    return sources


def _json(tree: object) -> bytes:
    return (json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
