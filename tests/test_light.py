"""What light.txt installs is a part of what the package wants, in the same versions, and torch is none of it."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_light_is_a_part_of_the_whole() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole = {*project["dependencies"], *project["optional-dependencies"]["onnx"]}
    lines = (ROOT / "light.txt").read_text(encoding="utf-8").splitlines()
    light = {line for line in lines if not line.startswith("#")}
    assert light < whole
    assert len(light) > 5
    assert not any(line.startswith(("torch", "scipy")) for line in light)


def test_the_documentation_says_how() -> None:
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    for command in ("pip install -c constraints.txt -r light.txt", "pip install --no-deps ."):
        assert f"    {command}\n" in text
        assert f"#   {command}\n" in (ROOT / "light.txt").read_text(encoding="utf-8")
