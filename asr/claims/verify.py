"""Level L0 of the ladder: is a record whole, and does everything beside it match.

Nothing is repaired and nothing is written. What a check needs and cannot have is said, never passed over.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from asr.claims.checks.again import Progress, check_audio, check_transcripts
from asr.claims.checks.corpus import check_corpus, check_lock, check_manifests, check_references
from asr.claims.checks.files import check_checkpoints, check_files, check_metrics, check_recipe_file
from asr.claims.checks.hypotheses import check_hypotheses, check_interval
from asr.claims.checks.keys import check_keys, check_recipe, check_seal, check_status
from asr.claims.checks.model import check_model, check_states
from asr.claims.checks.numbers import check_counts, check_outcomes, check_trail, check_training
from asr.claims.checks.search import check_decoder, check_search
from asr.claims.evidence import Evidence, read_evidence
from asr.claims.findings import Check, Finding, Report, made_check

Checker = Callable[[Evidence], Iterable[Finding]]

CHECKS: tuple[tuple[str, str, Checker], ...] = (
    ("keys", "every key is there, with a possible value", check_keys),
    ("status", "the run is complete", check_status),
    ("seal", "each part of the record has its digest", check_seal),
    ("recipe", "the recipe has its digest", check_recipe),
    ("counts", "rates are errors divided by references", check_counts),
    ("outcomes", "results are the sums of outcomes", check_outcomes),
    ("interval", "the 95 % interval comes out again", check_interval),
    ("training", "epochs, steps, times, sessions agree", check_training),
    ("trail", "it leads from step 0 to the last", check_trail),
    ("search", "it is the recipe's, with the best weights tried", check_search),
    ("corpus", "identity, parts and waivers agree", check_corpus),
    ("lock", "the corpus is that of our lock file", check_lock),
    ("files", "each has its SHA-256, none is missing or new", check_files),
    ("checkpoints", "those that are there have their SHA-256", check_checkpoints),
    ("recipe.toml", "it is the recipe of the record", check_recipe_file),
    ("metrics", "metrics.jsonl has the epochs of the record", check_metrics),
    ("manifests", "they have their digests and counts", check_manifests),
    ("hypotheses", "counted again, they give the results", check_hypotheses),
    ("references", "they are the texts of the manifests", check_references),
    ("model", "weights, tokenizer, layers are the record's", check_model),
    ("decoder", "the model carries the search of the record", check_decoder),
    ("states", "states in checkpoints are those of the trail", check_states),
)  # fmt: skip
TRANSCRIPTS = "alone, in another order, the same transcripts"
AUDIO = "all audio has the samples that it had"


def verify(
    path: Path, *, decode: bool = False, audio: bool = False, progress: Progress | None = None
) -> Report:
    """Checks a run folder, or a record file by itself, whatever lies beside it.

    Args:
        path: of a run folder or record file, of any format that is known.
        decode: decode the development and test part again from the bundle. Sets torch to one thread.
        audio: decode the audio of all parts again.
        progress: called with (what, done, total) while audio is decoded.

    Raises:
        RunError: that is no record.
    """
    evidence, told = read_evidence(path), progress or _silent
    checks = [made_check(name, about, check(evidence)) for name, about, check in CHECKS]
    again = (
        ("transcripts", TRANSCRIPTS, decode, check_transcripts, "only with --decode"),
        ("audio", AUDIO, audio, check_audio, "only with --audio"),
    )
    for name, about, asked, check, how in again:
        checks.append(
            made_check(name, about, check(evidence, progress=told)) if asked else Check(name, about, (), how)
        )
    return Report(path, evidence.format, str(evidence.tree.get("status", "")), tuple(checks))


def _silent(_what: str, _done: int, _total: int) -> None:
    pass
