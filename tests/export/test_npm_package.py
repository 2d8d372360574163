"""What comes from npm: only the package that the lock names is used, wherever it is from; and what is written."""

import base64
import hashlib
import io
import json
import os
import re
import tarfile
from pathlib import Path

import pytest
from small_bundle import write_bundle

from asr.cli.main import main
from asr.corpora.reading import data_file
from asr.errors import BundleError, StorageError
from asr.export import browser, npm_package
from asr.export.browser import POLICY, RUNTIME, Runtime, write_page
from asr.export.npm_package import NpmPackage, members, npm_tarball, read_npm_lock

CAPSYS = pytest.CaptureFixture[str]


def packed(**contents: bytes) -> bytes:
    """As `npm pack` packs files, "." of their names being "_"."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"package/{name.replace('_', '.')}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


TARBALL = packed(a_js=b"one", b_wasm=b"two")
DIGEST = "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()
PACKAGE = NpmPackage(package="thing", version="1.2.3", integrity=DIGEST)


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for npm, which writes down how it was called, and gives `tarball` or fails."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "npm"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/calls\n'
        'while [ "$1" != --pack-destination ]; do shift; done\n'
        f"cp {folder}/tarball $2/thing-1.2.3.tgz 2>/dev/null && exit 0\n"
        'echo "npm error code ENOTFOUND" >&2\necho "npm error request failed at x.js:1" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    (folder / "tarball").write_bytes(TARBALL)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_it_is_fetched_once_and_checked_every_time(npm: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "npm" / "thing-1.2.3.tgz"
    for _ in range(2):
        assert npm_tarball(PACKAGE, tmp_path / "cache") == TARBALL
    (call,) = (npm / "calls").read_text().splitlines()
    assert call.startswith("pack thing@1.2.3 --ignore-scripts ")
    kept.write_bytes(TARBALL[:-1] + b"x")
    assert npm_tarball(PACKAGE, tmp_path / "cache") == TARBALL
    assert len((npm / "calls").read_text().splitlines()) == 2
    assert kept.read_bytes() == TARBALL


def test_another_package_of_that_name_is_refused_and_not_kept(npm: Path, tmp_path: Path) -> None:
    (npm / "tarball").write_bytes(packed(a_js=b"other"))
    with pytest.raises(StorageError, match=r"thing@1\.2\.3 from npm: not thing@1\.2\.3 as it is known here"):
        npm_tarball(PACKAGE, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.tgz"))


def test_without_a_connection_it_says_what_to_do(npm: Path, tmp_path: Path) -> None:
    (npm / "tarball").unlink()
    with pytest.raises(StorageError) as caught:
        npm_tarball(PACKAGE, tmp_path / "cache")
    assert "could not fetch thing@1.2.3 (code ENOTFOUND request failed); is there" in str(caught.value)
    assert "`npm pack thing@1.2.3` and name it by --runtime" in str(caught.value)


def test_without_npm_a_tarball_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StorageError, match="npm is not installed"):
        npm_tarball(PACKAGE, tmp_path / "cache")
    path = tmp_path / "thing.tgz"
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        npm_tarball(PACKAGE, tmp_path / "cache", path)
    path.write_bytes(TARBALL[:-1])
    with pytest.raises(StorageError, match="not thing@"):
        npm_tarball(PACKAGE, tmp_path / "cache", path)
    path.write_bytes(TARBALL)
    assert members(npm_tarball(PACKAGE, tmp_path / "cache", path), ["b.wasm"]) == {"b.wasm": b"two"}


def test_a_file_that_the_package_lacks_is_named() -> None:
    with pytest.raises(StorageError, match=r"has no c\.js"):
        members(TARBALL, ["a.js", "c.js"])


def test_the_lock_names_one_version_by_its_digest() -> None:
    lock = read_npm_lock(data_file(browser.LOCK))
    assert lock.package == "onnxruntime-web"
    assert len(base64.b64decode(lock.integrity.removeprefix("sha512-"))) == 64


RUNS = Runtime("9.9.9", {name: name.encode() for name in RUNTIME})


def test_what_is_written(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "page"
    size = write_page(exported, folder, RUNS)
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    assert size == sum(path.stat().st_size for path in there.values() if path.is_file())
    assert there["model/model.onnx"].read_bytes() == (exported / "model.onnx").read_bytes()
    about = json.loads(there["model/reading.json"].read_text(encoding="utf-8"))
    export = json.loads((exported / "export.json").read_text(encoding="utf-8"))
    assert (about["onnx"], about["bytes"], about["digest"]) == (
        export["onnx"],
        export["bytes"],
        export["weights"],
    )
    assert about["runtime"] == {"version": "9.9.9", "bytes": len("dist/ort-wasm-simd-threaded.wasm")}
    index = there["index.html"].read_text(encoding="utf-8")
    assert index.count(POLICY) == 1
    assert "http" not in POLICY
    assert "this server" not in index.partition("<dialog")[0]
    assert {path.suffix for path in there.values() if path.is_file()} <= {
        ".html", ".css", ".js", ".svg", ".json", ".onnx", ".wasm",
    }  # fmt: skip
    # Every module that a module names is there, in one letter case.
    named = re.compile(r'from "\./([^"]+)"|new URL\("([^"]+)", import')
    modules = [path for path in there.values() if path.suffix == ".js" and path.parent.name == "page"]
    found = {"".join(names) for path in modules for names in named.findall(path.read_text(encoding="utf-8"))}
    assert {"hearing-worker.js", "recorder-worklet.js", "runtime/ort.wasm.min.js", "lines.js"} <= found
    assert found <= set(there)


def test_what_is_refused_before_anything_is_written(
    exported: Path, tmp_path: Path, capsys: CAPSYS, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(BundleError, match="already there"):
        write_page(exported, tmp_path / "there", RUNS)
    bundle = write_bundle(tmp_path / "torch")
    with pytest.raises(BundleError, match="carries no ONNX file"):
        write_page(bundle, tmp_path / "page", RUNS)
    monkeypatch.setattr(npm_package.shutil, "which", lambda name: None)
    cache = ["--cache", str(tmp_path / "cache")]
    page = ["--browser", str(tmp_path / "page")]
    for line, message in (
        ([*page, *cache], "npm is not installed"),
        ([*page, "--out", str(tmp_path / "out")], "leave out --out and --no-weights"),
        (["--runtime", "x.tgz"], "--runtime is about --browser"),
    ):
        assert main(["export", str(exported), *line]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
