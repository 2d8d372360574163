"""The folder that a model is loaded from: where it lies, or a checked copy, where signatures are required."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from asr.errors import StorageError
from asr.model.named import find_model


@contextmanager
def opened_model(
    model: str | Path, require_signature: Sequence[str | Path] | str | Path | None = None
) -> Iterator[Path]:
    """The folder of a model, to be loaded from within the block.

    Args:
        model: a bundle, a run, or the name of a model.
        require_signature: files of public keys, or such keys ("ssh-ed25519 AAAA..."). One of each must have signed.
            None: nothing is required.

    Raises:
        BundleError: no model there.
        KeyFileError: a file of keys cannot be read, or is none.
        SignatureError: not signed, not by these, or not what they signed; the message names the file.
        StorageError: there is no room for the copy among the temporary files.
        ValueError: an empty list of keys.
    """
    folder = find_model(model)
    if require_signature is None:
        yield folder
        return
    from asr.safety.keys import read_trusted  # only for those who ask: transcribing has to begin at once
    from asr.safety.private_copy import copy_signed, signed_files
    from asr.safety.private_folder import private_folder

    trusted = read_trusted(require_signature)
    if not trusted:
        raise ValueError("require_signature: expected a key, got none")
    signed = signed_files(folder, trusted)
    with ExitStack() as stack:
        try:
            private = stack.enter_context(private_folder())
            copy_signed(signed, private)
        except OSError as error:
            raise StorageError(
                f"{tempfile.gettempdir()}: no room for a checked copy of the model: {error.strerror}"
            ) from error
        yield private
