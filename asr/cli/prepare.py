"""`asr prepare`: makes manifests of a corpus, or of your own recordings.

    asr prepare an4 --out an4                            a corpus of `asr corpora`: downloaded, or from PATH
    asr prepare librispeech LibriSpeech --parts train-clean-100 dev-clean test-clean --out ls100
    asr prepare folder recordings --test-speakers 3 --out mine
    asr prepare table --train train.csv --test test.csv --out mine
    asr prepare kaldi data --out mine                    also nemo, huggingface, lhotse

Every file is decoded once; what is broken is named. The folder is used by a recipe with corpus.name = "manifest" and
--corpus FOLDER, and its train.jsonl, dev.jsonl and test.jsonl wherever a manifest is wanted. Interrupted or killed, the
same command goes on where it was.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.arguments import add_cache, add_workers, positive, workers_of

if TYPE_CHECKING:
    from asr.corpora.decode import BrokenFile
    from asr.corpora.exchange import Options
    from asr.corpora.reading import Splits

NAME = "prepare"
_SPLITS = ("train", "dev", "test")
_COLUMNS = ("audio", "text", "speaker", "id", "split")
NAMED = 10  # files that are left out, by name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="a corpus (`asr corpora` lists them), or a format of your own"
    )
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help="its archive, folder or file")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the manifests")
    parser.add_argument(
        "--parts", nargs="+", default=[], metavar="PART", help="of a corpus of several archives"
    )
    for split in _SPLITS:
        parser.add_argument(
            f"--{split}", type=Path, metavar="PATH", help=f"your own: the {split} part, instead of PATH"
        )
    held = parser.add_mutually_exclusive_group()
    held.add_argument(
        "--test-speakers", type=positive, metavar="N", help="your own: hold out so many for testing"
    )
    held.add_argument("--test-utterances", type=positive, metavar="N", help="or so many recordings")
    for column in _COLUMNS:
        parser.add_argument(
            f"--{column}", metavar="COLUMN", default="", help=f"name of the column with the {column}"
        )
    parser.add_argument(
        "--language", default="", metavar="CODE", help="of your own recordings: en, de, zh, ..."
    )
    parser.add_argument(
        "--root", type=Path, metavar="FOLDER", help="where relative paths begin (where the list is)"
    )
    parser.add_argument(
        "--speaker-folders", action="store_true", help="folders are called after their speakers"
    )
    parser.add_argument(
        "--any-corpus", action="store_true", help="accept a corpus that is not the one of its lock file"
    )
    add_workers(parser)
    add_cache(parser)


def call(options: argparse.Namespace) -> int:
    from asr.corpora.exchange import FORMS
    from asr.corpora.registry import NAMES
    from asr.errors import CorpusError

    if options.name in FORMS:
        return _own(options)
    if options.name not in NAMES:
        raise CorpusError(
            f"nothing is called {options.name!r}; corpora are {', '.join(NAMES)}; formats of your own recordings are "
            f"{', '.join(FORMS)}"
        )
    return _corpus(options)


def _corpus(options: argparse.Namespace) -> int:
    from asr.cli.rate import shown_rate
    from asr.corpora.own import about_corpus, check_target, write_manifests
    from asr.corpora.prepare import prepare
    from asr.errors import CorpusError

    of_own = [*_SPLITS, "test_speakers", "test_utterances", *_COLUMNS, "language", "root", "speaker_folders"]
    if given := [name for name in of_own if getattr(options, name)]:
        raise CorpusError(
            f"--{given[0].replace('_', '-')} is for your own recordings, and {options.name} is a corpus"
        )
    if options.name == "shards":
        raise CorpusError('shards have manifests, and are used as they are: corpus.name = "shards"')
    source = "+".join((options.name, *options.parts))
    check_target(options.out, source)
    with shown_rate() as progress:
        corpus = prepare(
            options.name,
            options.path,
            options.cache.expanduser(),
            progress=progress,
            workers=workers_of(options),
            check=not options.any_corpus,
            parts=options.parts,
        )
        write_manifests(
            options.out, corpus.splits, source, corpus.broken, about_corpus(corpus), corpus.pronunciations
        )
    _tell(options.out, corpus.splits, corpus.broken)
    return 0


def _own(options: argparse.Namespace) -> int:
    from asr.cli.rate import shown_rate
    from asr.corpora.own import HoldOut, check_target, import_recordings, write_manifests

    sources = _sources(options)
    source = f"{options.name}: " + " ".join(f"{split} {path.resolve()}" for split, path in sources.items())
    check_target(options.out, source)
    held = None
    if options.test_speakers or options.test_utterances:
        held = HoldOut(options.test_speakers or 0, options.test_utterances or 0)
    with shown_rate() as progress:
        own = import_recordings(
            options.name,
            sources,
            _said(options),
            options.cache.expanduser(),
            held=held,
            progress=progress,
            workers=workers_of(options),
        )
        write_manifests(options.out, own.splits, source, own.left_out)
    _tell(options.out, own.splits, own.left_out)
    return 0


def _sources(options: argparse.Namespace) -> dict[str, Path]:
    from asr.corpora.exchange.form import ALL
    from asr.errors import CorpusError

    named = {split: path for split in _SPLITS if (path := getattr(options, split))}
    if options.parts:
        raise CorpusError(f"--parts is for corpora of several archives, and {options.name} is a format")
    if bool(named) == bool(options.path):
        raise CorpusError("name the recordings: PATH, or a path for each part with --train, --dev and --test")
    sources: dict[str, Path] = named or {ALL: options.path}
    if missing := [path for path in sources.values() if not path.exists()]:
        raise CorpusError(f"{missing[0]}: no such file or folder")
    return sources


def _said(options: argparse.Namespace) -> "Options":
    from asr.corpora.exchange import Options

    return Options(
        **{column: getattr(options, column) for column in _COLUMNS},
        language=options.language,
        root=options.root,
        speaker_folders=options.speaker_folders,
        sounds=(options.out / "audio").resolve(),
    )


def _tell(out: Path, splits: "Splits", left_out: "Sequence[BrokenFile]") -> None:
    from asr.cli.visible import visible
    from asr.corpora.own import LEFT_OUT

    for item in left_out[:NAMED]:
        print(f"asr: left out: {visible(f'{item.id}: {item.reason}')}", file=sys.stderr)
    if len(left_out) > NAMED:
        print(f"asr: {len(left_out)} left out in all: {out / LEFT_OUT}", file=sys.stderr)
    for split, utterances in splits.items():
        hours = sum(utterance.duration for utterance in utterances) / 3600
        speakers = len({utterance.speaker for utterance in utterances} - {""})
        words = sum(len(utterance.text.split()) for utterance in utterances)
        print(
            f"{out / f'{split}.jsonl'}: {len(utterances):,} utterances, {hours:.2f} h, {speakers:,} speakers, "
            f"{words:,} words"
        )
    if missing := [split for split in ("train", "test") if split not in splits]:
        print(
            f"asr: no {' and no '.join(missing)} part: a recipe needs both; --test-speakers N takes one out of the "
            "training part, --test PATH names one",
            file=sys.stderr,
        )
    else:
        print(f'use it: corpus.name = "manifest" in a recipe, and asr run RECIPE --corpus {out}')
