"""What a training leaves: the averaged weights of its best epoch, as a bundle."""

from asr.errors import RunError
from asr.model.acoustic import AcousticModel
from asr.model.bundle import save_bundle, weights_digest
from asr.runs.folder import RunFolder
from asr.runs.record import ModelMade, Record
from asr.tokenizer import Tokenizer
from asr.training.checkpoint import read_tensors
from asr.training.cursor import Cursor


def keep_best(
    folder: RunFolder, record: Record, model: AcousticModel, tokenizer: Tokenizer, cursor: Cursor
) -> ModelMade:
    """Puts the best averaged weights into the model, where it is, and writes the bundle.

    Raises:
        RunError: the weights that were kept are not those of the best epoch.
    """
    best = folder.path / "best.safetensors"
    weights, notes = read_tensors(best)
    if notes.get("epoch") != str(cursor.best_epoch):
        raise RunError(
            f"{best}: weights of epoch {notes.get('epoch')}, and the best is {cursor.best_epoch}; this run was "
            "interrupted between two versions or machines: start over with --fresh"
        )
    device = next(model.parameters()).device
    model.load_state_dict({name: value.to(device) for name, value in weights.items()})
    model.eval()
    save_bundle(
        folder.bundle,
        model,
        tokenizer,
        name=record.recipe.name,
        text=record.recipe.text,
        recipe_digest=record.recipe_digest,
    )
    return ModelMade(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        weights_digest=weights_digest(model.state_dict()),
        best_epoch=cursor.best_epoch + 1,
        steps=cursor.total_steps,
    )
