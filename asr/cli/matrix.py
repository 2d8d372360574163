"""Models by corpora, for `asr evaluate MODEL... CORPUS...`."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli.arguments import workers_of
from asr.errors import BundleError, CorpusError, RunError
from asr.files import write_json

if TYPE_CHECKING:
    from asr.evaluation.matrix import Cell, Heard, SpokenPart
    from asr.scoring import Unit

FORMAT = 1
MANIFEST = ".jsonl"


def parted(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """The models among the arguments, and the corpora: names of readers, NAME=PATH, and manifests.

    Raises:
        RunError: what is neither.
    """
    from asr.corpora.registry import NAMES
    from asr.model.named import find_model

    models, corpora = [], []
    for each in given:
        name, equals, _ = each.partition("=")
        if (equals and name in NAMES) or each.endswith(MANIFEST):
            corpora.append(each)
            continue
        try:
            find_model(each)
        except BundleError as error:
            if each not in NAMES:
                raise RunError(
                    f"{each}: neither a model ({error}) nor a corpus; a corpus is the name of a reader "
                    f"({', '.join(NAMES)}), NAME=PATH, or a manifest that ends in {MANIFEST}"
                ) from None
            corpora.append(each)
        else:
            models.append(each)
    return models, corpora


def evaluate_all(options: argparse.Namespace, models: Sequence[str], corpora: Sequence[str]) -> int:
    """Prints the matrix; with --out writes it as JSON, too."""
    from asr.cli.stages import stage_bars
    from asr.evaluation.matrix import evaluate_on

    part, text = options.part or "test", options.text or "plain-1"
    unit: Unit = options.unit or "word"
    with stage_bars() as progress:
        heard = _models(models)
        tested = spoken_parts(corpora, part, options, progress)
        cells = [
            evaluate_on(
                model,
                corpus,
                text=text,
                unit=unit,
                which=options.decoder,
                workers=workers_of(options),
                progress=progress,
            )
            for model in heard
            for corpus in tested
        ]
    tree = _tree(text, part, heard, tested, cells)
    if options.out is not None:
        write_json(options.out, tree)
    if options.json:
        print(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        _print(part, text, cells)
    return 0


def _models(given: Sequence[str]) -> "list[Heard]":
    """Called as their folders are."""
    from asr.evaluation.matrix import Heard
    from asr.model.named import find_model

    names = distinct([Path(each).resolve().name for each in given], given)
    return [Heard.of(name, find_model(each)) for name, each in zip(names, given, strict=True)]


def distinct(names: Sequence[str], given: Sequence[str]) -> list[str]:
    """These names, but where two are alike what was given for them."""
    return [name if names.count(name) == 1 else each for name, each in zip(names, given, strict=True)]


def spoken_parts(
    corpora: Sequence[str], part: str, options: argparse.Namespace, progress: Any
) -> "list[SpokenPart]":
    """A part of each of these corpora.

    Raises:
        CorpusError: it has none.
    """
    names = distinct([_corpus_name(each) for each in corpora], corpora)
    return [_corpus(name, each, part, options, progress) for name, each in zip(names, corpora, strict=True)]


def _corpus_name(given: str) -> str:
    return Path(given).stem if given.endswith(MANIFEST) else given.partition("=")[0]


def _corpus(called: str, given: str, part: str, options: argparse.Namespace, progress: Any) -> "SpokenPart":
    from asr.corpora.prepare import prepare
    from asr.evaluation.matrix import SpokenPart
    from asr.manifest import identity, read_manifest

    if given.endswith(MANIFEST):
        utterances = list(read_manifest(Path(given)))
        if not utterances:
            raise CorpusError(f"{given}: no utterances in it; expected a line of JSON for each")
        digests = [utterance.digest for utterance in utterances]
        return SpokenPart(
            called,
            utterances,
            identity(digests) if all(digests) else "",
            {"source": Path(given).name},
        )
    name, _, path = given.partition("=")
    found = prepare(
        name,
        Path(path) if path else None,
        options.cache.expanduser(),
        progress=progress,
        workers=workers_of(options),
        check=not options.any_corpus,
    )
    if not found.splits.get(part):
        held = "; what a recipe holds out of its own corpus is not known here" if part == "dev" else ""
        raise CorpusError(f"{name}: it has no {part} part; it has {', '.join(found.splits)}{held}")
    about = {"source": found.source_name, "part": part, "lock": found.lock_state}
    return SpokenPart(called, found.splits[part], found.locks[part].digest, about)


def _tree(
    text: str, part: str, models: "Sequence[Heard]", corpora: "Sequence[SpokenPart]", cells: "Sequence[Cell]"
) -> dict[str, Any]:
    from asr.runs.environment import read_code, read_environment

    return {
        "format": FORMAT,
        "kind": "matrix",
        "text": text,
        "part": part,
        "models": [model.to_json() for model in models],
        "corpora": [corpus.to_json() for corpus in corpora],
        "cells": [cell.to_json() for cell in cells],
        "code": read_code().model_dump(mode="json"),
        "environment": read_environment().model_dump(mode="json"),
    }


def _print(part: str, text: str, cells: "Sequence[Cell]") -> None:
    from rich.text import Text

    from asr.cli.tables import figures, rate_of, wide_console

    console, unit = wide_console(), cells[0].normalised.unit
    rate, counts = rate_of(unit), f"errors / {unit}s"
    table = figures(
        f"{part} parts, {cells[0].decoder}, texts normalised by {text}",
        ("model", "corpus", rate, "95 %", counts, "CER", f"raw {rate}", "out of alphabet"),
        {"model", "corpus"},
    )
    for cell in cells:
        low, high = cell.normalised.interval
        table.add_row(
            Text(cell.model),
            Text(cell.corpus),
            f"{cell.normalised.wer:.2%}",
            f"{100 * low:.1f} to {100 * high:.1f}",
            f"{cell.normalised.words.errors} / {cell.normalised.words.reference_length}",
            f"{cell.normalised.cer:.2%}",
            f"{cell.raw.wer:.2%}",
            f"{cell.out_of_alphabet:.2%}",
        )
    console.print(table)
    console.print(
        "raw: of texts as the corpus writes them; out of alphabet: characters that the model cannot write",
        soft_wrap=True,
    )
