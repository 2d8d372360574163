"""`asr export --browser`: a folder that any web server can hand out, in which a model hears on the visitor's device.

The page is that of `asr serve`, with other parts where it would ask a server; the model's ONNX file is computed by
onnxruntime-web, one thread of WebAssembly. Its policy allows nothing but files of this folder.

    index.html, *.js, page.css     the page
    model/                         model.onnx, and reading.json: what its tokens stand for
    runtime/                       onnxruntime-web, from npm
"""

import json
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from asr.corpora.cache import whole_folder
from asr.corpora.reading import data_file
from asr.errors import BundleError, StorageError
from asr.export.npm_package import members, npm_tarball, read_npm_lock
from asr.export.page_model import reading_of
from asr.model.described import read_described
from asr.model.description import check_file
from asr.model.exported import EXPORT, ONNX, read_export

LOCK = "onnxruntime-web.json"
WASM = "dist/ort-wasm-simd-threaded.wasm"
# Files of the package, and their names in the page: .mjs is a type that few web servers know.
RUNTIME = {
    "dist/ort.wasm.min.mjs": "ort.wasm.min.js",
    "dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.js",
    WASM: "ort-wasm-simd-threaded.wasm",
    "package.json": "package.json",
}
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'"
)
# What the page of `asr serve` says that is not so here, and what is.
CHANGES = (
    (
        '<meta charset="utf-8">\n',
        f'<meta charset="utf-8">\n    <meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '    <meta name="referrer" content="no-referrer">\n',
    ),
    (
        "Transcribes recordings on the server that this page came from.",
        "Transcribes recordings on your device; they are sent nowhere.",
    ),
    (
        '<script type="module" src="main.js"></script>',
        '<link rel="stylesheet" href="about.css">\n    <script type="module" src="main.js"></script>\n'
        '    <script type="module" src="about.js"></script>',
    ),
    (
        "It is sent to this server and nowhere else. Neither the server nor this page keeps it.",
        "It is transcribed here, on your device, and sent nowhere. This page does not keep it.",
    ),
    (
        '<main id="main" tabindex="-1">\n',
        '<main id="main" tabindex="-1">\n      <p class="note warn" id="as-file">If this line stays, scripts are off '
        "or this is an opened file. The page works from a web server: run <code>python -m http.server</code> in its "
        "folder, and open <code>http://localhost:8000</code>.</p>\n",
    ),
    (
        '<footer class="foot">',
        '<footer class="foot"><p class="note" id="about">The model is being loaded.</p>',
    ),
)


@dataclass(frozen=True)
class Runtime:
    """onnxruntime-web."""

    version: str
    parts: dict[str, bytes]  # by their names in the package


def browser_runtime(cache: Path, tarball: Path | None = None) -> Runtime:
    """onnxruntime-web in the version of data/onnxruntime-web.json, whose digest it has.

    Args:
        cache: where what comes from npm is kept.
        tarball: made elsewhere by `npm pack`; None: npm is asked for it, unless it is in the cache.

    Raises:
        StorageError: it cannot be had, or is another one.
    """
    lock = read_npm_lock(data_file(LOCK))
    return Runtime(lock.version, members(npm_tarball(lock, cache, tarball), list(RUNTIME)))


def write_page(folder: Path, out: Path, runtime: Runtime) -> int:
    """Writes the page of a bundle that has an ONNX file.

    Args:
        folder: of the bundle.
        out: a new folder; there is a whole one, or none.

    Returns:
        Bytes of all that is in it.

    Raises:
        BundleError: the bundle is damaged or has no ONNX file, or `out` is there.
        StorageError: `out` cannot be written.
    """
    refuse_existing(out)
    described = read_described(folder)
    export = read_export(folder, described.description)
    check_file(folder / ONNX, export.onnx, EXPORT)
    size = len(runtime.parts[WASM])
    about = reading_of(described, export) | {"runtime": {"version": runtime.version, "bytes": size}}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(out) as part:
            _write_shared(part)
            (part / "runtime").mkdir()
            for name, file in RUNTIME.items():
                (part / "runtime" / file).write_bytes(runtime.parts[name])
            (part / "model").mkdir()
            shutil.copyfile(folder / ONNX, part / "model" / ONNX)
            text = json.dumps(about, ensure_ascii=False, allow_nan=False)
            (part / "model" / "reading.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{out}: cannot be written: {error.strerror or error}") from error
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def refuse_existing(out: Path) -> None:
    """Raises BundleError if there is something where the page is to be."""
    if out.exists():
        raise BundleError(
            f"{out}: already there; a page is a new folder: choose another --browser, or remove it"
        )


def page_text(served: str) -> str:
    """index.html, of that of `asr serve`."""
    for old, new in CHANGES:
        if served.count(old) != 1:
            raise ValueError(f"the page of `asr serve` has {served.count(old)} times what is changed: {old}")
        served = served.replace(old, new)
    return served


def _write_shared(part: Path) -> None:
    """The page of `asr serve`, and over it what is other here."""
    shared, own = Path(str(files("asr.serve") / "page")), Path(str(files("asr.export") / "page"))
    for path in (*shared.iterdir(), *own.iterdir()):
        if path.is_file():
            shutil.copyfile(path, part / path.name)
    text = page_text((shared / "index.html").read_text(encoding="utf-8"))
    (part / "index.html").write_text(text, encoding="utf-8")
