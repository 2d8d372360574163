"""`asr models`: lists the models at hand, packs one into a file, checks and unpacks it.

    asr models                                          those in the models folder
    asr models list runs                                and the runs and bundles in a folder
    asr models pack runs/an4-s1-0123abcd -o an4.tar     one file, the same bytes for the same model
    asr models check an4.tar                            every digest, and whether it loads; runs and bundles, too
    asr models unpack an4.tar                           then: asr transcribe speech.flac --model an4

The models folder is ASR_MODELS, or ~/.local/share/attest-asr/models; to remove a model, delete its folder there.
docs/models.md tells more.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr import numerics

if TYPE_CHECKING:
    from asr.model.contents import File
    from asr.models.checking import Checked
    from asr.models.listing import Listed

NAME = "models"
_WIDEST = 1000  # characters of a line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(action=None, folder=[], json=False)
    actions = parser.add_subparsers(metavar="ACTION", dest="action")
    listing = actions.add_parser("list", help="the models at hand (without an action: the same)")
    listing.add_argument("folder", type=Path, nargs="*", help="where to look for runs and bundles besides")
    packing = actions.add_parser("pack", help="one .tar of a run or a bundle")
    packing.add_argument("model", metavar="MODEL", help="a run, a bundle or the name of a model")
    packing.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="the .tar")
    packing.add_argument(
        "--confidence", type=Path, metavar="FILE", help="of asr confidence train: pack it with the model"
    )
    checking = actions.add_parser("check", help="whether models are whole")
    checking.add_argument(
        "model", nargs="+", metavar="MODEL", help="a packed model, a run, a bundle or the name of a model"
    )
    unpacking = actions.add_parser("unpack", help="a packed model into the models folder")
    unpacking.add_argument("packed", type=Path, metavar="FILE", help="a .tar of asr models pack")
    where = unpacking.add_mutually_exclusive_group()
    where.add_argument(
        "--name", default="", help="what --model will call it (the name of the file, without .tar)"
    )
    where.add_argument(
        "--to", type=Path, metavar="FOLDER", help="into this new folder, not the models folder"
    )
    for each in (packing, unpacking):
        each.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    for each in (listing, packing, checking, unpacking):
        each.add_argument("--json", action="store_true", help="for programs")


def call(options: argparse.Namespace) -> int:
    actions = {"pack": _pack, "check": _check, "unpack": _unpack}
    if options.action not in actions:
        return _list(options)
    numerics.pin()
    return actions[options.action](options)


def _list(options: argparse.Namespace) -> int:
    from asr.models.listing import models_under, named_models

    named = named_models()
    found = [*named, *(model for folder in options.folder for model in models_under(folder))]
    if options.json:
        print(json.dumps([model.to_json() for model in found], indent=2, ensure_ascii=False))
        return 0
    if found:
        _print(found)
    _print_empty(named, found, options.folder)
    return 0


def _pack(options: argparse.Namespace) -> int:
    from asr.models.packing import pack

    contents, checked = pack(
        options.model, options.out, confidence=options.confidence, overwrite=options.overwrite
    )
    size = options.out.stat().st_size
    if options.json:
        tree = {"file": str(options.out), "size": size, "digest": contents.digest, **_files(contents.files)}
        print(json.dumps(tree, indent=2, ensure_ascii=False))
        return 0
    note = "" if checked.record is not None else "; no record of a finished run is with it"
    print(f"{options.out}: {', '.join(contents.files)}, {_megabytes(size)}{note}")
    print(f"digest {contents.digest}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from asr.errors import AsrError
    from asr.models.checking import check

    faults: list[AsrError] = []
    trees = []
    for model in options.model:
        try:
            checked = check(model)
        except AsrError as error:
            faults.append(error)
            trees.append({"model": model, "fault": str(error)})
            continue
        trees.append(_tree(model, checked))
        if not options.json:
            print(_line(model, checked))
    if options.json:
        print(json.dumps(trees, indent=2, ensure_ascii=False))
    return _complain(faults)


def _unpack(options: argparse.Namespace) -> int:
    from asr.models.packing import place, unpack

    target = options.to if options.to is not None else place(options.packed, options.name)
    found = unpack(options.packed, target, overwrite=options.overwrite)
    if options.json:
        tree = {"folder": str(found.folder), "new": found.new, "digest": found.contents.digest}
        print(json.dumps({**tree, **_files(found.contents.files)}, indent=2, ensure_ascii=False))
        return 0
    print(
        f"{found.folder}: {'unpacked and checked' if found.new else 'was there already, the very same model'}"
    )
    print(f"digest {found.contents.digest}")
    called = shlex.quote(str(target) if options.to is not None else target.name)
    print(f"use it: asr transcribe speech.flac --model {called}")
    return 0


def _complain(faults: "Sequence[Exception]") -> int:
    for fault in faults:
        print(f"asr: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _tree(model: str, checked: "Checked") -> dict[str, object]:
    description = checked.bundle.description
    return {
        "model": model,
        "fault": "",
        "digest": checked.contents.digest,
        "recipe": description.name,
        "sample_rate": description.front_end.sample_rate,
        "parameters": checked.parameters,
        "weights": description.weights,
        "test_wer": checked.test_wer,
        **_files(checked.contents.files),
    }


def _line(model: str, checked: "Checked") -> str:
    files = checked.contents.files
    wer = f", WER {checked.test_wer:.2%} by its record" if checked.test_wer is not None else ""
    size = _megabytes(sum(file.bytes for file in files.values()))
    return (
        f"{model}: whole: {len(files)} files, {size}, {checked.parameters:,} parameters{wer}\n"
        f"digest {checked.contents.digest}"
    )


def _files(files: "Mapping[str, File]") -> dict[str, object]:
    return {"files": {name: file.model_dump(mode="json") for name, file in files.items()}}


def _print(found: "Sequence[Listed]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, width=_WIDEST)  # a path that is cut is of no use
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("model", "size", "Hz", "tokens", "reads with", "confidence", "WER test", "weights"):
        table.add_column(
            heading, justify="right" if heading in ("size", "Hz", "WER test") else "left", no_wrap=True
        )
    for model in found:
        table.add_row(*map(Text, (model.model, *([] if model.fault else _cells(model)))))
    console.print(table)
    for model in found:
        if model.fault:
            print(f"cannot be used: {model.fault}")


def _cells(model: "Listed") -> list[str]:
    reads = "greedy" if not model.search else "search, LM" if model.language_model else "search"
    return [
        _megabytes(model.bytes),
        str(model.sample_rate),
        f"{model.vocabulary} {model.tokens}",
        reads,
        "yes" if model.confidence else "",
        "" if model.test_wer is None else f"{model.test_wer:.2%}" + " (CER)" * (model.unit != "word"),
        model.weights[:12],
    ]


def _print_empty(named: "Sequence[Listed]", found: "Sequence[Listed]", folders: Sequence[Path]) -> None:
    """Where nothing was found, and what can be done about it."""
    from asr.model.named import models_folder

    for folder in folders:
        if not any(folder in (path := Path(model.model), *path.parents) for model in found):
            print(f"{folder}: no run and no bundle in it")
    if not named:
        print(f"{models_folder()}: no models yet.")
        print("A run or a bundle can be used where it is: asr transcribe speech.flac --model RUN")
        print("By a name: asr models pack RUN -o NAME.tar; asr models unpack NAME.tar; then --model NAME")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
