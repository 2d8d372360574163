"""Which model is meant: by the path of a run or a bundle, or by its name in the models folder."""

import os
from collections.abc import Callable
from pathlib import Path

from asr.errors import BundleError

DESCRIPTION = "model.json"  # what makes a folder a bundle
LONGEST = 100  # bytes of a name in UTF-8: room for what is put around it while it is unpacked
_SHOWN = 5  # names in a message


def models_folder() -> Path:
    """Where named models are: ASR_MODELS, or ~/.local/share/attest-asr/models. It may not be there yet."""
    return Path(os.environ.get("ASR_MODELS") or "~/.local/share/attest-asr/models").expanduser()


def find_model(model: str | Path) -> Path:
    """The bundle folder that is meant.

    Args:
        model: a bundle folder, the folder of a run that holds one, or the name of a model in the models folder. What
            is a model under this very path goes before a name.

    Raises:
        BundleError: there is none; the message says what was found instead.
    """
    path = Path(model)
    found = bundle_in(path)
    if found is None and is_name(str(model)):
        found = bundle_in(models_folder() / path)
    if found is None:
        raise BundleError(_what_is_there(path))
    return found


def is_name(text: str) -> bool:
    """Whether a model can be called so: one printable name of a folder, not hidden and no option."""
    return (
        0 < len(text.encode(errors="replace")) <= LONGEST
        and text.isprintable()
        and text[0] not in ".- "
        and text[-1] != " "
        and not {"/", "\\", ":"} & set(text)
    )


def can_be(asked: Callable[[], bool]) -> bool:
    """The answer of `Path.is_file` and the like; no where one may not look, or the name is too long."""
    try:
        return asked()
    except OSError:
        return False


def bundle_in(folder: Path) -> Path | None:
    """The bundle inside a run, or the folder itself; None where it is neither, or one may not look."""
    for each in (folder / "model", folder):
        if _is_file(each / DESCRIPTION):
            return each
    return None


def _is_file(path: Path) -> bool:
    return can_be(path.is_file)


def _what_is_there(path: Path) -> str:
    if _is_file(path):
        if path.suffix == ".tar":
            return f"{path}: a packed model; unpack it once with `asr models unpack`, then give its name"
        return f"{path}: is a file; a model is a bundle folder, a run folder or a name (`asr models list`)"
    nothing = f"{path}: no model here (no {DESCRIPTION})"
    if _is_file(path / "record.json"):
        return f"{nothing}; this run has not come to its end: the command that began it goes on with it"
    if _is_file(path / "config.json"):
        return f"{nothing}; it looks like a Hugging Face folder, and models of other programs cannot be read"
    if is_name(str(path)) and not path.is_dir():
        return f"{nothing}, and none of that name: {_names()}"
    return f"{nothing}; give a bundle folder, a run, or the name of a model (`asr models list`)"


def _names() -> str:
    folder = models_folder()
    try:
        names = sorted(each.name for each in folder.iterdir() if is_name(each.name) and bundle_in(each))
    except OSError:  # not there yet, or not to be looked into
        names = []
    if not names:
        return f"no model has been unpacked into {folder} yet (`asr models unpack`)"
    more = f" and {len(names) - _SHOWN} more (`asr models list`)" if len(names) > _SHOWN else ""
    return f"in {folder} there is {', '.join(names[:_SHOWN])}{more}"
