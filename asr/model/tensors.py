"""Tensors in safetensors files, which appear whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from asr.errors import StorageError
from asr.files import whole_file


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: dict[str, str] | None = None) -> None:
    """Writes tensors and string metadata.

    Raises:
        StorageError: the disk is full, or the folder cannot be written to.
    """
    on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        with whole_file(path) as part:
            save_file(on_cpu, part, notes)
    except SafetensorError as error:  # how it reports a full disk
        raise StorageError(f"{path}: cannot be written: {error}") from None
