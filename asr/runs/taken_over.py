"""A run that takes over the training of another one, to read what it learned with another [decoder].

Learning does not depend on the decoder, so it need not be done again. The other run and its record stay as they are,
and the new record names that one: how often a test part was read can be told.
"""

import shutil
from pathlib import Path

from asr.errors import RunError
from asr.files import sha256_file, whole_file, write_text
from asr.model.acoustic import AcousticModel
from asr.model.bundle import load_bundle, save_bundle
from asr.recipe import Recipe
from asr.runs.folder import TAKING_OVER, RunFolder
from asr.runs.record import FORMAT, Record, read_record
from asr.runs.seal import canonical_digest

KEPT = ("metrics.jsonl", "hypotheses/dev.jsonl", "hypotheses/test.jsonl")  # of the other run, as they are
LEFT = (
    TAKING_OVER,
    "metrics.jsonl",
    "hypotheses",
    "model",
    "checkpoints",
)  # what a take-over that was killed leaves


def take_over(trained: Path, folder: RunFolder, recipe: Recipe, command: str) -> Record:
    """Copies what a run has learned, and how it reads greedily, into the folder.

    Args:
        trained: the other run.
        recipe: that of the new run; the other one's, but for the decoder.

    Returns:
        The new run's record so far; it is not written yet.

    Raises:
        RunError: the other run is not complete, is not as its record says, or had another recipe.
    """
    other = read_record(trained)
    refuse_unfit(trained, other, recipe)
    bundle = load_bundle(trained / "model")
    write_text(folder.taking_over, f"{canonical_digest(other.seal)}\n")
    wanted = [name for name in other.files if name in KEPT or name == "model/weights.safetensors"]
    for name in [*wanted, *other.checkpoints]:
        path = trained / name
        if name in other.checkpoints and not path.exists():  # they may be deleted
            continue
        if not path.is_file() or sha256_file(path) != {**other.files, **other.checkpoints}[name]:
            raise RunError(
                f"{path}: is not the file that its record tells of; take another run for --trained"
            )
        if not name.startswith("model/"):
            with whole_file(folder.path / name) as part:
                shutil.copyfile(path, part)
    save_bundle(
        folder.bundle,
        bundle.model,
        bundle.tokenizer,
        name=recipe.name,
        text=recipe.text,
        recipe_digest=recipe.digest(),
    )
    return other.model_copy(
        update={
            "status": "running",
            "command": command,
            "recipe": recipe,
            "recipe_digest": recipe.digest(),
            "trained_in": canonical_digest(other.seal),
            "search": None,
            "named_files": {},
            "files": {},
            "seal": {},
        }
    )


def refuse_unfit(trained: Path, other: Record, recipe: Recipe) -> None:
    """Raises RunError where the training of the other run is not that of the recipe."""
    if other.status != "complete" or other.format != FORMAT or not other.seal:
        raise RunError(
            f"--trained {trained}: is no complete run of record format {FORMAT} (it is {other.status}, format "
            f"{other.format}); finish it first"
        )
    if recipe.model_copy(update={"decoder": other.recipe.decoder}) != other.recipe:
        mine, theirs = recipe.model_dump(mode="json"), other.recipe.model_dump(mode="json")
        names = ", ".join(key for key in mine if key != "decoder" and mine[key] != theirs[key])
        raise RunError(
            f"--trained {trained}: has learned by another recipe ({names} differs), and only [decoder] may; leave "
            "--trained out to learn anew"
        )


def refuse_another(trained: Path, folder: Path, record: Record) -> None:
    """Raises RunError where the run in the folder has not taken over the training of `trained`."""
    if record.trained_in != canonical_digest(read_record(trained).seal):
        what = "has taken over another training" if record.trained_in else "learns by itself"
        raise RunError(
            f"{folder}: holds a run that {what}; choose another --out for one that takes over that of {trained}"
        )


def put_back(folder: RunFolder, model: AcousticModel) -> None:
    """Loads what was learned into the model, where it is."""
    device = next(model.parameters()).device
    weights = load_bundle(folder.bundle).model.state_dict()
    model.load_state_dict({name: value.to(device) for name, value in weights.items()})
    model.eval()
