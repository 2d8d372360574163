"""What is installed, in which versions, and by which commands."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("asr", "data", "LICENSE", "README.md", "pyproject.toml", "setup.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy (setuptools leaves folders behind) and without network."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder / "out", folder], check=True
    )
    return next((folder / "out").glob("*.whl"))


def test_the_wheel_holds_the_package_and_its_data(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("asr/")}
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "asr").rglob("*.py")}
    data = {f"asr/data/{path.name}" for path in (ROOT / "data").iterdir()}
    assert {"asr/data/an4.lock.json", "asr/data/digits.toml", "asr/data/onnxruntime-web.json"} <= data
    page = {
        path.relative_to(ROOT).as_posix()
        for folder in ("asr/serve/page", "asr/export/page")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert {"asr/serve/page/index.html", "asr/export/page/hearing-worker.js"} <= page
    assert held == code | data | page | {"asr/py.typed"}


def test_the_wheel_holds_the_licence(wheel: Path) -> None:
    contents = zipfile.ZipFile(wheel)
    name = next(name for name in contents.namelist() if name.endswith("/licenses/LICENSE"))
    assert b"Apache License" in contents.read(name)


def test_an_installed_package_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import asr.corpora.reading as reading, asr.corpora.lock as lock, asr.corpora.digits as digits\n"
        f"assert reading.__file__.startswith({str(tmp_path)!r})\n"
        "assert lock.read_lock(reading.data_file('an4.lock.json'))['test'].utterances == 130\n"
        "assert digits.load_settings(reading.data_file(digits.SETTINGS)).sample_rate == 16_000\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path, timeout=200)


def test_every_dependency_has_an_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    exact = {_name(line) for line in pinned if re.fullmatch(r"[\w.-]+==[\w.]+", line)}
    assert len(exact) == len(pinned)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = (
        project["build-system"]["requires"]
        + project["project"]["dependencies"]
        + [line for extra in extras for line in extra]
    )
    assert {_name(line) for line in wanted} - exact == {"attest-asr"}


def test_demo_and_test_share_one_set_up(tmp_path: Path) -> None:
    """Dry run of both from nothing: the environment is made once and first."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    done = subprocess.run(
        ["make", "--dry-run", "demo", "test", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT, env={**os.environ, "MAKEFLAGS": ""}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    steps = [
        next((word for word in ("-m venv", "pip install", "asr run", "-m pytest") if word in line), "")
        for line in done.stdout.splitlines()
    ]
    assert [step for step in steps if step] == [
        "-m venv",
        "pip install",
        "pip install",
        "asr run",
        "-m pytest",
    ]


def test_ci_runs_the_tests_and_the_checks() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert {"set -euo pipefail", "make lint", "make test"} <= set(lines)


def _name(requirement: str) -> str:
    """Of a distribution, as it is normalised."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
