"""`asr export`: a model as an ONNX file, which runs without torch; checked against torch before it is written.

    asr export runs/an4-s1-0123abcd                          # the bundle runs/an4-s1-0123abcd-onnx
    asr export runs/an4-s1-0123abcd --check other.jsonl      # checked on this manifest
    asr export runs/an4-s1-0123abcd --int8 --no-weights      # weights of 8 bits, and nothing that only torch can read
    asr transcribe speech.flac --model runs/an4-s1-0123abcd-onnx
    asr export runs/an4-s1-0123abcd-onnx --browser page      # a web page that hears on the visitor's device

The run or bundle stays as it is. What is written hears the same as torch on development utterances, alone and in
batches: the outcome stands in export.json. What does not is not written. docs/export.md tells more.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics
from asr.cli.export_page import add_page_arguments, carries_onnx, refuse_mixture, write

if TYPE_CHECKING:
    from asr.export.checking import Compared
    from asr.export.exporting import Exported
    from asr.model.exported import Precision

NAME = "export"
_NEEDED = ("onnx", "onnxruntime")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="RUN_OR_BUNDLE", help="a run, a bundle or the name of a model")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="a new folder (that of the model, with -onnx or -int8 behind it)",
    )
    parser.add_argument(
        "--check",
        type=Path,
        metavar="MANIFEST",
        help="what is heard for the check (the development part of the run; where that is not there, sound that is "
        "made up, and export.json says so)",
    )
    parser.add_argument(
        "--int8", action="store_true", help="weights of 8 bits: a third of the size, and quicker"
    )
    parser.add_argument(
        "--accept-loss", action="store_true", help="with --int8: write it though it makes more errors"
    )
    parser.add_argument(
        "--no-weights", action="store_true", help="leave out weights.safetensors: smaller, and not for torch"
    )
    parser.add_argument("--json", action="store_true", help="export.json, for programs")
    add_page_arguments(parser)


def call(options: argparse.Namespace) -> int:
    import importlib.util

    from asr.errors import AsrError

    if options.accept_loss and not options.int8:
        raise AsrError("--accept-loss is about --int8: add it, or leave this out")
    refuse_mixture(options)
    if options.browser is not None and carries_onnx(options):
        return write(options)
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            raise AsrError(f"asr export needs {name}: pip install 'attest-asr[export]'")
    numerics.pin()
    if options.browser is not None:
        return write(options, partial(_export, options))
    from asr.export.exporting import default_out

    out = options.out if options.out is not None else default_out(options.model, _precision(options))
    found = _export(options, out)
    if options.json:
        print(json.dumps({"folder": str(out), **found.export.model_dump(mode="json")}, indent=2))
    else:
        _print(found)
    return 0


def _precision(options: argparse.Namespace) -> "Precision":
    return "int8" if options.int8 else "float32"


def _export(options: argparse.Namespace, out: Path) -> "Exported":
    from asr.cli.stages import stage_bars
    from asr.export.exporting import export

    with stage_bars() as stages:
        return export(
            options.model,
            out,
            precision=_precision(options),
            manifest=options.check,
            weights=not options.no_weights,
            accept_loss=options.accept_loss,
            progress=stages,
        )


def _print(found: "Exported") -> None:
    check = found.export.check
    audio = check.audio
    where = {
        "manifest": "the manifest",
        "run": "the run's development part",
        "synthetic": "made up, without text",
    }
    print(f"heard: {audio.utterances} utterances, {audio.seconds:.1f} s ({where[audio.source]})")
    for name, compared, size in zip(("ONNX", "8 bits"), found.compared, found.sizes, strict=False):
        for line in _lines(compared):
            print(f"{name}: {line}")
        print(f"{name}: {size / 1e6:.1f} MB; {_pace(compared, audio.seconds)}")
    if found.ctc_alone:
        print(f"ONNX: the CTC branch alone: the attention decoder stays behind{_in_search(found)}")
    print(f"{found.folder}: written and checked; asr transcribe speech.flac --model {found.folder}")


def _in_search(found: "Exported") -> str:
    if found.attention is None:
        return ""
    return f", and with it its weight of {found.attention.weight:g} in this model's search"


def _lines(compared: "Compared") -> list[str]:
    check = compared.check
    worst = max(shape.difference for shape in check.shapes)
    batches = ", ".join(str(shape.rows) for shape in check.shapes[1:])
    how = f", alone and in batches of {batches}" if batches else ", each alone"
    limit = f" (limit {check.limit:.0e})" if check.limit else ""
    lines = [f"log-probs differ from torch's by {worst:.1e} at most{limit}{how}"]
    same = compared.texts - check.different
    text = f"{same} of {compared.texts} transcripts are the same"
    if check.errors is not None:
        words = check.audio.words
        text += f"; word errors {check.errors.onnx}, torch {check.errors.torch}, of {words} "
        text += f"({check.errors.onnx / words:.2%}, {check.errors.torch / words:.2%})"
    lines.append(text)
    if (found := check.comparison) is not None:
        low, high = found.interval_95
        taken = "; accepted all the same" if found.accepted else ""
        lines.append(f"WER {found.difference:+.2%} ({low:+.2%} to {high:+.2%}, p = {found.p:.2g}){taken}")
        if found.margin < compared.least_excluded and not taken:
            lines.append(
                f"{check.audio.words} words are too few to rule out a loss of {found.margin:.2%}: only one of "
                f"{compared.least_excluded:.2%} is; --check a larger manifest"
            )
    return lines


def _pace(compared: "Compared", seconds: float) -> str:
    mine, torch = compared.onnx.seconds / seconds, compared.torch.seconds / seconds
    return f"real-time factor {mine:.4f} on one core, torch {torch:.4f}"
