"""Everything that training needs to go on, in one file that appears whole or not at all.

There is no random state in it: randomness is keyed (asr.randomness).
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from asr.errors import TrainingError
from asr.files import whole_file
from asr.model.acoustic import AcousticModel
from asr.model.tensors import write_tensors
from asr.training.cursor import Cursor
from asr.training.optimiser import WeightAverage
from asr.training.ranks import Ranks

FORMAT = "2"


@dataclass(frozen=True)
class Learner:
    """The three things that learning changes."""

    model: AcousticModel
    optimiser: torch.optim.Optimizer
    average: WeightAverage


def save_checkpoint(path: Path, learner: Learner, cursor: dict[str, Any], settings: str) -> None:
    """Writes weights, their average, the optimiser's moments and the cursor.

    Args:
        cursor: JSON values that say where the training stands.
        settings: digest of all that the training depends on; another one refuses to resume.
    """
    tensors = _tensors(learner)
    write_tensors(path, tensors, {"cursor": json.dumps(cursor), "settings": settings, "format": FORMAT})


def load_checkpoint(path: Path, learner: Learner, settings: str) -> Cursor:
    """Puts a checkpoint into the learner and returns its cursor.

    Raises:
        TrainingError: the file is broken, or belongs to other settings.
    """
    tensors, notes = read_tensors(path)
    if notes.get("format") != FORMAT:
        raise TrainingError(f"{path}: checkpoint format {notes.get('format')}, this version reads {FORMAT}")
    if notes.get("settings") != settings:
        raise TrainingError(
            f"{path}: this checkpoint belongs to another recipe or corpus; choose another folder with --out, "
            "or start over with --fresh"
        )
    for name, shape in _expected(learner).items():
        if name not in tensors or tensors[name].shape != shape:
            raise TrainingError(f"{path}: made by another version of Attest ({name} differs); use --fresh")
    _restore(learner, tensors)
    return read_cursor(path, notes)


def share_learner(learner: Learner, cursor: Cursor, ranks: Ranks, *, taken_over: bool = False) -> Cursor:
    """Gives what the lead has loaded to the other ranks, which need no file of it; returns its cursor at all of them.

    A training that has not begun is begun by each for itself: there is nothing to give, unless the lead has taken
    weights over from another model.
    """
    if not any(ranks.from_lead([cursor.total_steps])):
        if taken_over and ranks.size > 1:
            _share_weights(learner, ranks)
        return cursor
    cursor = Cursor(**json.loads(ranks.text_from_lead(json.dumps(asdict(cursor)))))
    tensors = _tensors(learner) if ranks.leads else {}
    for name, shape in _expected(learner).items():
        tensor = tensors[name].cpu() if ranks.leads else torch.zeros(shape)
        ranks.tensor_from_lead(tensor)
        tensors[name] = tensor
    if not ranks.leads:
        _restore(learner, tensors)
    return cursor


@torch.no_grad()
def _share_weights(learner: Learner, ranks: Ranks) -> None:
    for model in (learner.model, learner.average.model):
        for parameter in model.parameters():
            tensor = parameter.detach().cpu().clone()
            ranks.tensor_from_lead(tensor)
            parameter.copy_(tensor)


def read_cursor(path: Path, notes: Mapping[str, str]) -> Cursor:
    """From the metadata of a checkpoint.

    Raises:
        TrainingError: there is none.
    """
    try:
        return Cursor(**json.loads(notes["cursor"]))
    except (KeyError, ValueError, TypeError) as error:
        raise TrainingError(f"{path}: not a checkpoint of this version ({error})") from None


def kept_epochs(epochs: int, count: int) -> set[int]:
    """After how many epochs a checkpoint is kept: `count` of them cut the training into equal parts."""
    return {round(epochs * part / (count + 1)) for part in range(1, count + 1)} - {0, epochs}


def keep_checkpoint(path: Path, step: int) -> None:
    """Keeps the checkpoint under the name of its step; one file under two names, until the next one is written."""
    kept = kept_checkpoint(path.parent, step)
    if not kept.exists():
        with whole_file(kept) as part:
            part.unlink()
            try:
                part.hardlink_to(path)
            except OSError:  # a file system without such links
                shutil.copyfile(path, part)


def kept_checkpoint(folder: Path, step: int) -> Path:
    """Where a run keeps the checkpoint after so many steps."""
    return folder / "checkpoints" / f"step-{step:07d}.safetensors"


def kept_steps(folder: Path) -> dict[int, Path]:
    """The checkpoints that a run folder has kept, by step."""
    found = (folder / "checkpoints").glob("step-*.safetensors")
    return {
        int(digits): path for path in sorted(found) if (digits := path.stem.removeprefix("step-")).isdecimal()
    }


def copy_checkpoint(source: Path, target: Path) -> None:
    """A copy of its own, so that what comes after leaves the source alone."""
    with whole_file(target) as part:
        shutil.copyfile(source, part)


def _tensors(learner: Learner) -> dict[str, Tensor]:
    """All that a checkpoint holds, by name."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in learner.model.named_parameters():
        tensors[f"weights.{name}"] = parameter.detach()
        for key, value in learner.optimiser.state[parameter].items():
            tensors[f"optimiser.{key}.{name}"] = value
    for name, parameter in learner.average.model.named_parameters():
        tensors[f"average.{name}"] = parameter.detach()
    return tensors


def _expected(learner: Learner) -> dict[str, torch.Size]:
    expected = {}
    for name, parameter in learner.model.named_parameters():
        for kind in ("weights", "average", "optimiser.exp_avg", "optimiser.exp_avg_sq"):
            expected[f"{kind}.{name}"] = parameter.shape
        expected[f"optimiser.step.{name}"] = torch.Size()
    return expected


@torch.no_grad()
def _restore(learner: Learner, tensors: dict[str, Tensor]) -> None:
    for name, parameter in learner.average.model.named_parameters():
        parameter.copy_(tensors[f"average.{name}"])
    fused = bool(learner.optimiser.param_groups[0].get("fused"))
    for name, parameter in learner.model.named_parameters():
        parameter.copy_(tensors[f"weights.{name}"])
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = tensors[f"optimiser.{key}.{name}"]
            # AdamW keeps its count of steps on the CPU, unless it is fused.
            device = parameter.device if key != "step" or fused else "cpu"
            learner.optimiser.state[parameter][key] = value.to(device)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file, on the CPU."""
    try:
        with safe_open(path, framework="pt") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}, stream.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"{path}: not a readable safetensors file ({error})") from None
