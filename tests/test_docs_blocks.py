"""Every block of code in the documentation is right as far as can be told without running it.

Commands parse, with the real parsers; files of the repository that they name are there; recipes hold keys that exist;
JSON and Python parse. The pages first-steps.md, own-data.md and python.md are also run, see test_docs_walk.py and
transcribe/test_python_docs.py.
"""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from documentation import DOCS, PAGES, ROOT, Block, blocks, by_name, command_lines, inline_commands, prose
from documentation import simple_commands as simple

from asr.benchmark.spec import benchmark_of
from asr.cli.main import _parser
from asr.errors import RecipeError
from asr.recipe import Recipe
from asr.recipe_file import recipe_from_tree
from asr.tuning.search import study_of

OUTPUTS = {
    "-o",
    "--out",
    "--output",
    "--json",
    "--plot",
    "--html",
    "--to",
    "--cache",
}  # options: a file is written
OURS = {"asr", "benchmarks", "data", "docs", "recipes", "tests"}  # folders; any other path is the user's
INSTALLED = {"asr/data"}  # of an installed package
USERS = {"recipes/mine.toml"}  # a recipe that the reader is to write
RECORD = "record.md"  # its keys are those of records
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
FILES = {"arpa", "json", "jsonl", "md", "onnx", "py", "toml"}  # `train.jsonl` is no key
SMALLEST = {"name": "smallest", "corpus": {"name": "an4", "dev_speakers": 7}}


def check_command(words: list[str]) -> None:
    program, rest = words[0], words[1:]
    if program == "torchrun":
        program, rest = "asr", rest[rest.index("asr") + 1 :]
    if program == "asr":
        _parser().parse_args(rest)
    elif program == "make":
        assert {word for word in rest if "=" not in word} <= TARGETS
    elif program == "pip":
        assert rest[0] == "install"
        assert set(re.findall(r"[\w-]+", "".join(re.findall(r"\[(.*?)\]", " ".join(rest))))) <= EXTRAS
    elif program in ("python", "python3") and rest[0] != "-m":
        source = _source(ROOT / rest[0])
        options = [word for word in rest if word.startswith("--")]
        unknown = [word for word in options if f'"{word}"' not in source and not _field(word, source)]
        assert unknown == [], f"{rest[0]} has no such option"
    if program in ("asr", "python"):
        check_paths(rest)


def _field(option: str, source: str) -> bool:
    """Some scripts have an option for each field of their settings, or each of some names."""
    named = f'"{option[2:]}"' in source and 'f"--{' in source
    return named or re.search(rf"^    {option[2:].replace('-', '_')}: ", source, re.MULTILINE) is not None


def _source(script: Path) -> str:
    """Of a script, and of what it imports from its own folder."""
    text = script.read_text(encoding="utf-8")
    named = [
        script.parent / f"{name}.py" for name in re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)
    ]
    return "".join([text, *(path.read_text(encoding="utf-8") for path in named if path.is_file())])


def check_paths(words: list[str]) -> None:
    read = [word for before, word in zip(["", *words], words, strict=False) if before not in OUTPUTS]
    for word in read:
        path = word.partition("=")[2] or word
        if "/" in path and Path(path).parts[0] in OURS and path not in USERS:
            assert list(ROOT.glob(path)), f"{path} is not in the repository"


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_commands_in_blocks(page: Path) -> None:
    for block in blocks(page):
        for line in command_lines(block) if block.shell else ():
            for words in simple(line):
                _explained(page, block, line, words)


def _explained(page: Path, block: Block, line: str, words: list[str]) -> None:
    try:
        check_command(words)
    except (SystemExit, AssertionError, OSError) as error:
        if isinstance(error, SystemExit) and error.code == 0:
            return  # --help
        pytest.fail(f"{page.name}:{block.line}: {line}\n{error!r}")


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_commands_in_the_text(page: Path) -> None:
    for command in inline_commands(page):
        for words in simple(command):
            if words[0] == "asr" and len(words) <= 3 and all(re.fullmatch("[a-z-]+", word) for word in words):
                words = [*words, "--help"]  # spoken of: `asr run`, `asr models pack`
            _explained(page, Block("", "", "", "", 0), command, words)


@pytest.mark.parametrize(
    "wrong",
    [
        "asr run recipes/an4.toml --epochs 3",
        "asr transcript speech.flac",
        "asr run recipes/an5.toml",
        "cat names | asr transcribe --lists - --model bundle",
        "X=1 make tests",
        "pip install 'attest-asr[everything]'",
        "python benchmarks/live.py --walk runs/an4",
        "torchrun --nproc-per-node 2 --no-python asr run recipes/an4.toml --seeds 1",
    ],
)
def test_wrong_commands_are_found(wrong: str) -> None:
    with pytest.raises((SystemExit, AssertionError)):
        for words in simple(wrong):
            check_command(words)


def recipe_tree(block: Block) -> dict[str, Any]:
    """A recipe's keys, with what is needed besides; a part of a table says so: `waive = ["texts"] # under [corpus]`."""
    under = re.search(r"# under (\[[\w.]+\])", block.text)
    tree = tomllib.loads(f"{under[1]}\n{block.text}" if under else block.text)
    if "extends" in tree:
        base = tomllib.loads((ROOT / "recipes" / tree.pop("extends")).read_text(encoding="utf-8"))
        return _merged(base, tree)
    own = {"dev_split", "dev_speakers", "dev_utterances"} & set(tree.get("corpus", {}))
    return _merged({"name": "smallest", "corpus": {"name": "an4"}} if own else SMALLEST, tree)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    tables = {
        key: _merged(base[key], value)
        for key, value in changes.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return {**base, **changes, **tables}


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_recipes_and_benchmarks(page: Path) -> None:
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "toml" and "[[systems]]" in block.text:
            benchmark_of(tomllib.loads(block.text), where)
        elif block.language == "toml":
            tree = recipe_tree(block)
            search = tree.pop("search", None)  # of `asr tune`
            recipe = recipe_from_tree(tree, where)
            if search is not None:
                study_of(recipe, search, where)


def test_a_wrong_recipe_is_found() -> None:
    with pytest.raises(RecipeError, match="corpus.waives"):
        recipe_from_tree(recipe_tree(Block("toml", "", 'waives = ["texts"] # under [corpus]', "", 1)), "page")


def _keys(tree: dict[str, Any], before: str = "") -> set[str]:
    found = {before + key for key in tree}
    return found.union(
        *(_keys(value, f"{before}{key}.") for key, value in tree.items() if isinstance(value, dict))
    )


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != RECORD], **by_name)
def test_keys_of_recipes_in_the_text(page: Path) -> None:
    """`train.digest_every` is a key, as long as [train] is a table of recipes and no file is called so."""
    used = {
        "augment": {"joined": 0.3},
        "train": {"chosen_epoch": "last"},
        "decoder": {"kind": "beam", "hearings": 4},
    }  # else these keys are not said
    known = _keys(recipe_from_tree(SMALLEST | used, "smallest").model_dump(mode="json")) | {"init.from"}
    for table, last in re.findall(r"`(\w+)\.(\w+)(?: = [^`]*)?`", page.read_text(encoding="utf-8")):
        if table in Recipe.model_fields and last not in FILES:
            assert f"{table}.{last}" in known, f"{page.name}: {table}.{last}"


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_json_and_python(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            _parse_json(block.text)
        elif block.language == "python":
            ast.parse(block.text)


def _parse_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:  # one a line
        for line in text.split("\n"):
            json.loads(line)


@pytest.mark.parametrize("page", PAGES, **by_name)
def test_files_in_the_text(page: Path) -> None:
    """`asr/philox.py` and `docs/results/`: what is named as a file of the repository is one."""
    folders = "|".join(sorted(OURS))
    for path in re.findall(rf"`((?:{folders})/[\w./*-]*)`", prose(page)):
        name = re.sub(r"NAME|mine", "*", path)  # of the reader's own
        there = path in INSTALLED | USERS or list(ROOT.glob(name.rstrip("/")))
        assert there, f"{page.name}: {path} is not in the repository"


def test_every_language_is_one_that_is_checked() -> None:
    known = {"", "bash", "console", "json", "python", "sh", "text", "toml"}
    assert {block.language for page in PAGES for block in blocks(page)} <= known
    assert any(block.shell for block in blocks(DOCS / "transcribing.md"))
