"""`asr lm`: makes n-gram language models out of text, and says how well one predicts a text.

    asr lm train texts.txt -o model.arpa
    asr lm score model.arpa held-out.txt

docs/language-models.md tells more.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.lm.description import Description
    from asr.lm.perplexity import Fit

NAME = "lm"
UNITS = ("word", "character")
_TEXT = "one sentence a line, UTF-8, plain or gzip; - is standard input"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    plain = argparse.RawDescriptionHelpFormatter
    train = actions.add_parser(
        "train",
        help="estimates a model",
        description="Estimates an n-gram model with interpolated modified Kneser-Ney smoothing.",
        formatter_class=plain,
    )
    _add_train(train)
    score = actions.add_parser(
        "score",
        help="perplexity and unknown words of a text",
        description="How well a model predicts a text: perplexity, and words that it does not know.",
        formatter_class=plain,
    )
    _add_score(score)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", type=Path, nargs="+", metavar="TEXT", help=_TEXT)
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="ARPA, compressed if it ends in .gz; KenLM binary if it ends in .bin or .klm (needs build_binary)",
    )
    parser.add_argument(
        "--order", type=int, metavar="N", help="words of the longest n-grams (3; 6 for characters)"
    )
    parser.add_argument("--unit", choices=UNITS, default="word", help="what the model counts (word)")
    parser.add_argument(
        "--classes",
        type=int,
        default=0,
        metavar="N",
        help="count in N classes of words, learned from the texts; for texts of some hundred to some thousand "
        "sentences",
    )
    parser.add_argument(
        "--prune",
        type=int,
        nargs="+",
        default=(0,),
        metavar="COUNT",
        help="leave out n-grams seen at most so often: a number for each length, the last for all longer ones, "
        "such as 0 0 1",
    )
    parser.add_argument(
        "--prune-entropy",
        type=float,
        default=0.0,
        metavar="THRESHOLD",
        help="leave out n-grams without which perplexity grows by less than this part, such as 1e-8",
    )
    parser.add_argument(
        "--vocabulary",
        type=Path,
        metavar="FILE",
        help="words of the model; all others count as <unk> (every word of the text is in it)",
    )
    _add_fallback(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_fallback(parser: argparse.ArgumentParser) -> None:
    fallback = parser.add_mutually_exclusive_group()
    fallback.add_argument(
        "--discount-fallback",
        type=float,
        nargs=3,
        metavar=("D1", "D2", "D3"),
        help="discounts where a text is too small to estimate them (0.5 1 1.5)",
    )
    fallback.add_argument(
        "--no-discount-fallback", action="store_true", help="fail where a text is too small to estimate them"
    )


def _add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="an ARPA file, plain or gzip")
    parser.add_argument("text", type=Path, nargs="+", metavar="TEXT", help=_TEXT)
    parser.add_argument(
        "--unit", choices=UNITS, help="what the model counts (what MODEL.json says; without it, word)"
    )
    parser.add_argument("--sentences", action="store_true", help="a line for each sentence, too")
    parser.add_argument("--json", action="store_true", help="for programs")


def call(options: argparse.Namespace) -> int:
    return _train(options) if options.action == "train" else _score(options)


def _train(options: argparse.Namespace) -> int:
    from asr.errors import LanguageModelError
    from asr.lm.kneser_ney import FALLBACK
    from asr.lm.train import Settings, train

    fallback = tuple(options.discount_fallback or FALLBACK)
    try:
        settings = Settings(
            order=options.order,
            unit=options.unit,
            prune=tuple(options.prune),
            prune_entropy=options.prune_entropy,
            fallback=None if options.no_discount_fallback else fallback,
            classes=options.classes,
        )
    except ValueError as error:
        raise LanguageModelError(str(error)) from None
    made = train(options.text, options.out, settings, options.vocabulary)
    if options.json:
        print(json.dumps(made.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        _print_made(options.out, made)
    return 0


def _print_made(out: Path, made: "Description") -> None:
    units = f"{made.unit}s"
    unknown = f", {made.unknown:,} of them not in the vocabulary" if made.unknown else ""
    print(f"{out}: {made.order}-gram of {units}, {out.stat().st_size / 1e6:.1f} MB")
    print(f"  text         {made.sentences:,} sentences, {made.words:,} {units}{unknown}")
    if made.classes:
        print(f"  classes      {made.classes:,}, written out in words; discounts are those of classes")
    for length, (count, taken) in enumerate(zip(made.ngrams, made.discounts, strict=False), start=1):
        discounts = ", ".join(f"{value:.3f}" for value in taken.values)
        print(
            f"  {length}-grams      {count:,}; discounts {discounts}"
            + ("" if taken.estimated else " (fallback)")
        )
    if any(not taken.estimated for taken in made.discounts):
        print(
            "asr: the text is too small or too even to estimate some discounts; see (fallback)",
            file=sys.stderr,
        )


def _score(options: argparse.Namespace) -> int:
    from asr.lm.arpa_reader import read_arpa
    from asr.lm.description import read_description
    from asr.lm.perplexity import fit_of, fits

    description = read_description(options.model)
    unit = options.unit or (description.unit if description else "word")
    version = description.text_version if description else "plain-1"
    found = []
    listed: list[dict[str, Any]] = []
    for path, words, fit in fits(read_arpa(options.model), options.text, unit, version):
        found.append(fit)
        if options.sentences and options.json:
            listed.append({"text": str(path), "sentence": " ".join(words), **_as_json(fit)})
        elif options.sentences:
            print(f"{fit.log10:.4f}\t{fit.words}\t{fit.unknown}\t{_shown(fit.perplexity)}\t{' '.join(words)}")
    total = fit_of(found)
    if options.json:
        tree = {"model": str(options.model), "unit": unit, "text_version": version, **_as_json(total)}
        print(
            json.dumps(tree | ({"each": listed} if options.sentences else {}), indent=2, ensure_ascii=False)
        )
    else:
        _print_fit(total, unit)
    return 0


def _as_json(fit: "Fit") -> dict[str, Any]:
    return {
        "sentences": fit.sentences,
        "words": fit.words,
        "unknown": fit.unknown,
        "unknown_rate": fit.unknown_rate,
        "log10": fit.log10,
        "perplexity": fit.perplexity,
        "perplexity_known": fit.perplexity_known,
    }


def _print_fit(fit: "Fit", unit: str) -> None:
    print(f"sentences            {fit.sentences:,}")
    print(f"tokens               {fit.tokens:,} ({fit.words:,} {unit}s and the ends of sentences)")
    print(f"out of vocabulary    {fit.unknown:,} ({fit.unknown_rate:.2%} of {unit}s)")
    print(f"perplexity           {_shown(fit.perplexity)}" + (" (those as <unk>)" if fit.unknown else ""))
    if fit.unknown:
        print(f"perplexity without   {_shown(fit.perplexity_known)}")


def _shown(perplexity: float | None) -> str:
    return "undefined: the model has no <unk>" if perplexity is None else f"{perplexity:.2f}"
