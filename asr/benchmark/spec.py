"""A benchmark's file: TOML that names systems and corpora, and the rules that are the same for all of them.

Paths in it are relative to its folder. An unknown key, a wrong type or an impossible value is a `BenchmarkError` that
names the key and says what is allowed there.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from asr.benchmark.errors import BenchmarkError
from asr.benchmark.figures import FigureVersion
from asr.benchmark.system import SystemSpec
from asr.benchmark.systems.attest import AttestSpec
from asr.benchmark.systems.command import CommandSpec
from asr.benchmark.systems.ensemble import EnsembleSpec, expanded
from asr.benchmark.systems.faster_whisper import FasterWhisperSpec
from asr.benchmark.systems.openai_server import OpenAiSpec
from asr.benchmark.systems.pocketsphinx import PocketsphinxSpec
from asr.frozen import Frozen, all_problems, read_toml
from asr.text import TextVersion

AnySystem = Annotated[
    AttestSpec | CommandSpec | OpenAiSpec | PocketsphinxSpec | FasterWhisperSpec | EnsembleSpec,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[SystemSpec]] = {
    "attest": AttestSpec,
    "command": CommandSpec,
    "openai": OpenAiSpec,
    "pocketsphinx": PocketsphinxSpec,
    "faster-whisper": FasterWhisperSpec,
    "ensemble": EnsembleSpec,
}


class CorpusSpec(Frozen):
    """A table `[[corpora]]`: a part of a corpus that all systems hear."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}$")]  # heads its table
    reader: str = ""  # of the corpus, such as "an4"; "": as `name`, unless there is a manifest
    manifest: str = ""  # a file of JSON lines instead
    path: str = ""  # archive or folder of the corpus; "": --corpus NAME=PATH, or it is downloaded
    part: Literal["test", "dev", "train"] = "test"  # of the reader's
    recipe: str = ""  # that holds the development part out of the training part
    most: Annotated[int, Field(ge=0)] = 0  # so many utterances, drawn by their ids; 0: all
    note: str = ""  # what is to be known of it; stands below the table

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        if self.manifest and (self.reader or self.recipe or self.path):
            raise ValueError("a manifest stands for itself: leave out reader, recipe and path")
        if self.recipe and self.part != "dev":
            raise ValueError('recipe says how the development part is held out: set part = "dev"')
        return self


class Benchmark(Frozen):
    """The whole file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]  # names the folder
    about: str = ""  # a sentence below the title
    # Hz, to which all audio is resampled before anybody gets it; without it each recording keeps its own rate.
    sample_rate: Annotated[int, Field(ge=1_000, le=192_000)] | None = None
    cores: Annotated[int, Field(ge=1)] = 1  # that each system may use
    text: TextVersion = "basic-1"  # version of the text normaliser, of references and answers (docs/text.md)
    figures: FigureVersion = "as-written"  # how figures in answers are read
    unit: Literal["word", "character"] = "word"  # of errors
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05  # chance that the tables tell any equal systems apart
    bootstrap: Annotated[int, Field(ge=1)] = 10_000  # resamples of the intervals
    corpora: Annotated[tuple[CorpusSpec, ...], Field(min_length=1)]
    systems: Annotated[tuple[AnySystem, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _different_names(self) -> Self:
        for what, names in (
            ("corpora", [corpus.name for corpus in self.corpora]),
            ("systems", [system.name for system in self.systems]),
        ):
            files = [file_name(name) for name in names]
            for place, name in enumerate(files):
                if name in files[:place]:
                    raise ValueError(f"two {what} are called {names[place]!r}; files are named by them")
        return self

    @model_validator(mode="after")
    def _figures_are_words(self) -> Self:
        if self.figures != "as-written" and self.unit != "word":
            raise ValueError(f'figures = "{self.figures}" reads them as words: unit = "{self.unit}" has none')
        return self


def file_name(name: str) -> str:
    """Of files of a system or corpus: lower case, without spaces."""
    return name.lower().replace(" ", "_")


def load_benchmark(path: Path) -> Benchmark:
    """Reads the file.

    Raises:
        BenchmarkError: no such file, no TOML, or a key that is unknown, missing or impossible.
    """
    missing = "no such file; expected a benchmark in TOML"
    tree = read_toml(path, BenchmarkError, name="benchmark", missing=missing)
    return benchmark_of(tree, str(path))


def benchmark_of(tree: Any, source: str) -> Benchmark:
    """Checks plain data, from TOML or a record; `source` names it in errors."""
    try:
        tree = expanded(tree) if isinstance(tree, dict) else tree
    except ValueError as error:
        raise BenchmarkError(f"{source}: {error}") from None
    try:
        return Benchmark.model_validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        problems = all_problems(error, "the file", partial(_allowed, tree), tuple(KINDS))
        raise BenchmarkError(f"{source}: {problems}") from None


def _allowed(tree: Any, place: Sequence[Any]) -> list[str]:
    """Keys of the table at this place."""
    model: type[BaseModel] = Benchmark
    if place and place[0] == "corpora":
        model = CorpusSpec
    elif len(place) > 1 and place[0] == "systems":
        table = tree["systems"][place[1]]
        if len(place) > 3 and place[2] == "members":
            table = table["members"][place[3]]
        model = KINDS[table["kind"]]
    return sorted(model.model_fields)
