"""Several models as one, for `asr evaluate MODEL... --ensemble average|vote`: on their own corpus, or on others."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli.arguments import workers_of
from asr.cli.decoder_options import OF_SEARCH, given
from asr.errors import EnsembleError, RunError
from asr.files import sha256_file, write_json

if TYPE_CHECKING:
    from asr.ensemble.members import Member
    from asr.evaluation.matrix import SpokenPart
    from asr.runs.ensemble import EnsembleEvaluator, Together, Tried, Way
    from asr.runs.shared_corpus import SharedCorpus

FORMAT = 1
OUTCOME, HYPOTHESES = "ensemble.json", "hypotheses"
OF_AVERAGE, OF_VOTE = ("mean",), ("vote_weight", "null_confidence", "word_confidence")
OF_ENSEMBLE = (*OF_AVERAGE, *OF_VOTE)


def add_ensemble_options(parser: argparse.ArgumentParser) -> None:
    """Each is None where it is not given."""
    parser.add_argument(
        "--ensemble",
        choices=("average", "vote"),
        help="models as one: their log-probs averaged, or their words put to the vote (docs/ensembles.md)",
    )
    parser.add_argument(
        "--mean", choices=("probabilities", "log-probs"), help="of an average: of what (probabilities)"
    )
    parser.add_argument(
        "--vote-weight",
        type=float,
        metavar="W",
        help="of a vote: weight of how many say a word, against how sure they are, 0 to 1 (1)",
    )
    parser.add_argument(
        "--null-confidence", type=float, metavar="C", help="of a vote: how sure saying nothing is (0.5)"
    )
    parser.add_argument(
        "--word-confidence",
        choices=("none", "posterior", "bundle"),
        help="of a vote: the models' own probabilities, or the estimators that they carry (none)",
    )


def evaluate_ensemble(options: argparse.Namespace, models: Sequence[str], corpora: Sequence[str]) -> int:
    """Prints a table of each corpus; with --out leaves a folder."""
    from asr.cli.stages import stage_bars
    from asr.runs.ensemble import EnsembleEvaluator, ways_of
    from asr.runs.shared_corpus import SharedCorpus

    _check(options)
    if options.out is not None:
        _check_free(options.out)
    way = _way(options)
    with stage_bars() as progress:
        members = _members(options, models)
        own = SharedCorpus.of(models)
        parts = _parts(options, own, corpora, progress)
        evaluator = EnsembleEvaluator(
            members,
            options.ensemble,
            version=options.text or (own.text if own and not corpora else "plain-1"),
            unit=options.unit or (own.unit if own and not corpora else "word"),
            workers=workers_of(options),
            progress=progress,
        )
        dev = own.spoken("dev") if own else None
        if options.tune and dev is None:
            raise EnsembleError(f"--tune needs development data that all members share: {_why_none(models)}")
        tried = evaluator.tried(dev, ways_of(way)) if options.tune and dev else []
        chosen = tried[0].way if tried else way
        best = evaluator.best(dev) if dev else None
        found = [evaluator.evaluate(part, chosen) for part in parts]
    tree = _tree(options, evaluator, members, chosen, tried, best, found)
    if options.out is not None:
        _write(options.out, tree, found, evaluator)
    if options.json:
        print(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        _print(tree, chosen, tried, best, found, dev)
    return 0


def _check(options: argparse.Namespace) -> None:
    if found := given(options, OF_SEARCH):
        raise RunError(f"{found[0]} is for one run; --decoder beam takes the search of each model")
    others, of = (OF_VOTE, "vote") if options.ensemble == "average" else (OF_AVERAGE, "average")
    if found := given(options, others):
        raise RunError(f"{found[0]} is for --ensemble {of}")
    if options.part == "train":
        raise RunError("--part train is not for ensembles; their members learned from it")
    if options.tune and (found := given(options, ("mean", "vote_weight", "null_confidence"))):
        raise RunError(f"--tune chooses {found[0]}; leave it out")


def _check_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(
            f"{out}: already there; the outcome of an ensemble is a new folder, choose another --out"
        )


def _way(options: argparse.Namespace) -> "Way":
    from asr.ensemble.rover import Voting
    from asr.runs.ensemble import Way

    if options.ensemble == "average":
        return Way("average", options.mean or "probabilities")
    named = {"weight": options.vote_weight, "null": options.null_confidence}
    try:
        voting = Voting(**{name: value for name, value in named.items() if value is not None})
    except ValueError as error:
        raise RunError(str(error)) from None
    return Way("vote", voting=voting)


def _members(options: argparse.Namespace, models: Sequence[str]) -> "list[Member]":
    from asr.cli.matrix import distinct
    from asr.ensemble.members import Member, checked_searches
    from asr.model.named import find_model

    twice = [each for number, each in enumerate(models) if each in models[:number]]
    if twice:
        raise EnsembleError(f"{twice[0]}: named twice; a member has one voice")
    names = distinct([Path(each).resolve().name for each in models], models)
    members = [
        Member.of(name, find_model(each), options.decoder, options.word_confidence or "none")
        for name, each in zip(names, models, strict=True)
    ]
    checked_searches(members, options.decoder)
    return members


def _why_none(models: Sequence[str]) -> str:
    return f"{', '.join(models)} are not all complete runs with the same development and test part"


def _parts(
    options: argparse.Namespace, own: "SharedCorpus | None", corpora: Sequence[str], progress: Any
) -> "list[SpokenPart]":
    from asr.cli.matrix import spoken_parts

    if corpora:
        return spoken_parts(corpora, options.part or "test", options, progress)
    if own is None:
        raise EnsembleError(f"{_why_none(options.what)}; name a corpus, too: NAME=PATH or a manifest")
    return [own.spoken(options.part or "dev")]


def _tree(
    options: argparse.Namespace,
    evaluator: "EnsembleEvaluator",
    members: "Sequence[Member]",
    way: "Way",
    tried: "Sequence[Tried]",
    best: int | None,
    found: "Sequence[Together]",
) -> dict[str, Any]:
    from asr.runs.environment import read_code, read_environment

    return {
        "format": FORMAT,
        "kind": "ensemble",
        "how": way.how,
        "settings": way.to_json(),
        "word_confidence": options.word_confidence or "none",
        "text": evaluator.version,
        "members": [member.to_json() for member in members],
        "chosen_on_dev": {
            "best_member": None if best is None else members[best].name,
            "tried": [each.to_json() for each in tried],
        },
        "parts": [each.to_json() for each in found],
        "code": read_code().model_dump(mode="json"),
        "environment": read_environment().model_dump(mode="json"),
    }


def _write(
    out: Path, tree: dict[str, Any], found: "Sequence[Together]", evaluator: "EnsembleEvaluator"
) -> None:
    """Hypotheses, and last what was made of them, with their digests."""
    from asr.evaluation.hypotheses import write_hypotheses

    for place, (part, together) in enumerate(zip(tree["parts"], found, strict=True), 1):
        called = re.sub(r"[^\w.-]+", "-", together.part.name)  # a name may be a path
        called = f"{place}-{called}" if len(found) > 1 else called
        for number, (system, scored) in enumerate(zip(part["systems"], together.systems, strict=True), 1):
            last = number == len(together.systems)
            file = f"{HYPOTHESES}/{called}-{'ensemble' if last else f'member-{number}'}.jsonl"
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            write_hypotheses(out / file, scored.hypotheses, evaluator.unit)
            system["hypotheses"] = {"file": file, "sha256": sha256_file(out / file)}
    write_json(out / OUTCOME, tree)


def _print(
    tree: dict[str, Any],
    way: "Way",
    tried: "Sequence[Tried]",
    best: int | None,
    found: "Sequence[Together]",
    dev: "SpokenPart | None",
) -> None:
    from rich.text import Text

    from asr.cli.tables import figures, rate_of, wide_console

    console = wide_console()
    for together in found:
        score = together.ensemble.score
        size = f"{score.words.reference_length} {score.unit}s"
        title = f"{together.part.name}: {size}, texts normalised by {tree['text']}"
        headings = ("system", "decoder", rate_of(score.unit), "95 %", "errors", "CER", "ensemble", "p", "CPU")
        table = figures(title, headings, {"system", "decoder"})
        for number, system in enumerate(together.systems):
            low, high = system.score.interval
            test = system.against
            table.add_row(
                Text(system.name + " *" * (number == best)),
                system.decoder,
                f"{system.score.wer:.2%}",
                f"{100 * low:.1f} to {100 * high:.1f}",
                str(system.score.words.errors),
                f"{system.score.cer:.2%}",
                f"{100 * test.difference:+.2f}" if test else "",
                f"{test.p:.3f}" if test else "",
                f"{system.cpu:.4f}",
            )
        console.print(table)
    for line in _legend(way, tried, best):
        console.print(line, soft_wrap=True)
    if dev is not None and any(each.part.identity == dev.identity for each in found):
        console.print(
            "what was chosen was chosen on this part, so its figures flatter; --part test does not",
            soft_wrap=True,
        )


def _legend(way: "Way", tried: "Sequence[Tried]", best: int | None) -> list[str]:
    settings = ", ".join(f"{name} {value}" for name, value in way.to_json().items())
    star = "* best member on dev; " if best is not None else "no development data that all members share; "
    return [
        f"{way.how}: {settings}" + f" (the best of {len(tried)} on dev)" * bool(tried),
        f"{star}ensemble: its rate minus this one's, in points; p: paired test of that, two-sided; CPU: seconds of "
        "processor time per second of audio, of the ensemble with all of its members",
    ]
