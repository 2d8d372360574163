"""`asr export --browser`: a web page with the model instead of a bundle."""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.arguments import add_cache

if TYPE_CHECKING:
    from asr.export.exporting import Exported


def add_page_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--browser",
        type=Path,
        metavar="FOLDER",
        help="write a web page that hears on the visitor's device, instead of a bundle: a new folder that any web "
        "server can hand out",
    )
    parser.add_argument(
        "--runtime",
        type=Path,
        metavar="TARBALL",
        help="for the page: onnxruntime-web as `npm pack` makes it (without it, npm is asked once, and what it gives "
        "is kept in --cache)",
    )
    add_cache(parser)


def refuse_mixture(options: argparse.Namespace) -> None:
    """Raises AsrError for options that are about a page without one, or about a bundle with one."""
    from asr.errors import AsrError

    if options.browser is None:
        if options.runtime is not None:
            raise AsrError("--runtime is about --browser: add it, or leave this out")
    elif options.out is not None or options.no_weights:
        raise AsrError("--browser writes a page and no bundle: leave out --out and --no-weights")


def carries_onnx(options: argparse.Namespace) -> bool:
    """Whether the model has an ONNX file as it was asked for, so that nothing is to be exported.

    Raises:
        BundleError: there is no such model, or what it says of itself cannot be read.
    """
    from asr.model.described import read_described
    from asr.model.exported import read_export
    from asr.model.named import find_model

    folder = find_model(options.model)
    description = read_described(folder).description
    if not description.onnx or options.check is not None:
        return False
    return not options.int8 or read_export(folder, description).precision == "int8"


def write(options: argparse.Namespace, export: "Callable[[Path], Exported] | None" = None) -> int:
    """Writes the page and says how to try it.

    Args:
        export: makes a bundle with an ONNX file in a folder; None: the model is one.
    """
    from asr.export.browser import browser_runtime, refuse_existing, write_page
    from asr.model.named import find_model

    refuse_existing(options.browser)
    runtime = browser_runtime(options.cache.expanduser(), options.runtime)
    if export is None:
        size = write_page(find_model(options.model), options.browser, runtime)
    else:
        with tempfile.TemporaryDirectory(prefix="asr-page-") as folder:
            size = write_page(export(Path(folder) / "bundle").folder, options.browser, runtime)
    if options.json:
        about = json.loads((options.browser / "model" / "reading.json").read_text(encoding="utf-8"))
        shown = {key: about[key] for key in ("name", "digest", "onnx", "precision", "runtime")}
        print(json.dumps({"folder": str(options.browser), "bytes": size, **shown}, indent=2))
    else:
        print(f"{options.browser}: written, {size / 1e6:.1f} MB; any web server can hand it out. To try it:")
        print(f"    python -m http.server --bind 127.0.0.1 --directory {options.browser}")
        print("and open http://localhost:8000 in a browser")
    return 0
