"""Each layer imports only from layers below it, always `from asr.x import y`: see docs/architecture.md."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "asr"

LAYERS = (
    (
        *("errors", "files", "frozen", "on_demand", "audio", "audio_length", "sound_file"),
        *("media_file", "data_address", "text", "tokenizer", "pronunciations"),
        *("scoring", "randomness", "philox", "shard_file", "remote_file", "recipe", "recipe_file", "numerics"),
    ),
    ("utterance", "identity", "manifest", "manifest_index", "corpora", "augment"),
    ("model", "decoding", "lm", "batching", "safety"),
    ("training", "engine", "transcribe", "evaluation", "confidence", "cleaning", "ensemble"),
    ("runs",),
    ("benchmark", "claims", "publish", "models", "export", "serve", "report", "tuning"),
    ("cli",),
)  # fmt: skip
LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}
FACADE = ""  # asr/__init__.py: for people outside, above everything
SAYS_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc"}


def complaints(package: Path) -> list[str]:
    """What is wrong in a package `asr`, one line each, with file and line number."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        where = "/".join(("asr", *parts)) + ".py"
        if vague := SAYS_NOTHING.intersection(parts):
            found.append(
                f"{where}: {vague.pop()} says nothing; a function lives with the thing that it is about"
            )
        unit = FACADE if parts == ("__init__",) else parts[0]
        if unit not in LEVEL and unit != FACADE:
            found.append(f"{where}: {unit} belongs to no layer; give it one in tests/test_layers.py")
            continue
        for line, message in wrong_imports(ast.parse(path.read_text(encoding="utf-8")), unit, package):
            found.append(f"{where}:{line}: {message}")
    return found


def wrong_imports(tree: ast.AST, unit: str, package: Path) -> Iterator[tuple[int, str]]:
    """Also those inside functions and under TYPE_CHECKING: a dependency is one wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, f"relative import of {node.module or '.'}; write `from asr.x import y`"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for name in imported(node):
                other = unit_of(name, package)
                if other is not None and level(other) > level(unit):
                    yield (
                        node.lineno,
                        f"imports {other or 'the facade asr'}, which is in a layer above {unit}",
                    )
                if isinstance(node, ast.Import) and other is not None:
                    yield node.lineno, f"import {name}; write `from asr.x import y`"


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Dotted names; of `from a import b` it is a.b, which may be a module or something in one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names]


def unit_of(name: str, package: Path) -> str | None:
    """asr.model.loss belongs to model; what is not a module of asr comes out of the facade; None: not ours."""
    first, *rest = name.split(".")
    if first != "asr":
        return None
    is_module = bool(rest) and ((package / rest[0]).is_dir() or (package / f"{rest[0]}.py").is_file())
    return rest[0] if is_module else FACADE


def level(unit: str) -> int:
    return LEVEL.get(unit, len(LAYERS))


def test_every_import_goes_down() -> None:
    assert complaints(PACKAGE) == []


def test_checker_walks_the_real_imports() -> None:
    """An empty walk would find nothing wrong either."""
    tree = ast.parse((PACKAGE / "cli" / "run.py").read_text(encoding="utf-8"))
    names = [name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in imported(node)]
    units = {unit_of(name, PACKAGE) for name in names}
    assert {"numerics", "recipe_file", "runs", "training"} <= units


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("audio.py", "from asr.model.loss import ctc_loss", "asr/audio.py:1: imports model"),
        ("audio.py", "def f():\n    from asr.runs.run import run", "asr/audio.py:2: imports runs"),
        ("audio.py", "if TYPE_CHECKING:\n    from asr import cli", "asr/audio.py:2: imports cli"),
        ("model/loss.py", "import asr.cli.main", "asr/model/loss.py:1: imports cli"),
        ("model/loss.py", "import asr.audio", "import asr.audio; write `from asr.x import y`"),
        ("runs/run.py", "from asr import Transcriber", "imports the facade asr"),
        (
            "model/__init__.py",
            "from .loss import ctc_loss",
            "asr/model/__init__.py:1: relative import of loss",
        ),
        ("novelty/thing.py", "", "asr/novelty/thing.py: novelty belongs to no layer"),
        ("model/utils.py", "", "asr/model/utils.py: utils says nothing"),
        ("common/thing.py", "", "asr/common/thing.py: common says nothing"),
    ],
)
def test_checker_finds_what_is_wrong(tmp_path: Path, file: str, source: str, expected: str) -> None:
    package = tmp_path / "asr"
    for name in ("__init__.py", "audio.py", "model/loss.py", "runs/run.py", "cli/main.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    assert complaints(package) == []
    (package / file).parent.mkdir(exist_ok=True)
    (package / file).write_text(source, encoding="utf-8")
    assert any(expected in line for line in complaints(package))


def test_checker_lets_downward_imports_pass(tmp_path: Path) -> None:
    package = tmp_path / "asr"
    (package / "cli").mkdir(parents=True)
    (package / "audio.py").write_text("import numpy\nfrom asr.errors import AudioError\n", encoding="utf-8")
    (package / "errors.py").touch()
    (package / "cli" / "main.py").write_text(
        "from asr import audio\nfrom asr.cli import main\n", encoding="utf-8"
    )
    assert complaints(package) == []


def test_the_two_lowest_layers_do_not_load_torch() -> None:
    """It takes seconds, and what decides numerics must be set before."""
    modules = [
        ".".join(("asr", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for unit in (*LAYERS[0], *LAYERS[1])
        for path in sorted([*PACKAGE.glob(f"{unit}.py"), *PACKAGE.glob(f"{unit}/**/*.py")])
    ]
    code = f"import sys, importlib\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
    code += "assert 'torch' not in sys.modules"
    assert len(modules) > 15
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
