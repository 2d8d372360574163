"""Tensors in safetensors files, which appear whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from asr.files import whole_file


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: dict[str, str] | None = None) -> None:
    """Writes tensors and string metadata.

    Raises:
        StorageError: the disk is full, or the folder cannot be written to.
    """
    on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # Not save_file: it writes a file of its own beside, which nobody would sweep up after a `kill -9`.
    contents = save(on_cpu, notes)
    with whole_file(path) as part:
        part.write_bytes(contents)
