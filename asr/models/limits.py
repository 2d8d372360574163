"""What a model from elsewhere may ask of this machine, looked at before it is built: few bytes can ask for much."""

import gzip
import zlib
from pathlib import Path

from asr.decoding.bundled import LANGUAGE_MODEL
from asr.errors import BundleError
from asr.model.contents import MODEL
from asr.model.description import Description

LARGEST = {  # far above what anybody trains
    "layers": 1_000,
    "hidden": 1_000_000,
    "projection": 1_000_000,
    "mels": 4_096,
    "convolutions": 100,
    "channels": 100_000,
    "attention_decoder.layers": 1_000,
    "attention_decoder.hidden": 1_000_000,
}
FILTERS = 20_000_000  # numbers in the matrix from spectrum to bands: mels x samples of a window
LONGEST_LINE = 4096  # bytes, of a language model
_CHUNK = 1 << 20  # bytes


def check_limits(folder: Path, description: Description) -> None:
    """
    Raises:
        BundleError: the model asks for more; the message names the file and what.
    """
    front_end, model = description.front_end, description.model
    channels = max((each.channels for each in model.convolutions), default=0)
    asked = {
        "layers": model.layers,
        "hidden": model.hidden,
        "projection": model.projection,
        "mels": front_end.mels,
        "convolutions": len(model.convolutions),
        "channels": channels,
        "attention_decoder.layers": model.attention_decoder.layers,
        "attention_decoder.hidden": model.attention_decoder.hidden,
    }
    for name, size in asked.items():
        if size > LARGEST[name]:
            raise BundleError(
                f"{folder / MODEL}: {name} {size:,}, at most {LARGEST[name]:,} are supported; not used"
            )
    if front_end.window * front_end.sample_rate * front_end.mels > FILTERS:
        raise BundleError(
            f"{folder / MODEL}: {front_end.mels} mels of {front_end.window:g} s at {front_end.sample_rate} Hz are more "
            "than is supported; not used"
        )
    if (folder / LANGUAGE_MODEL).is_file():
        _check_lines(folder / LANGUAGE_MODEL)


def _check_lines(path: Path) -> None:
    """A compressed file can hold a line a thousand times as long as it is itself, and a line is read at once."""
    before = 0  # bytes since the last end of a line
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                first, *others = map(len, chunk.split(b"\n"))
                if max(before + first, *others, 0) > LONGEST_LINE:
                    raise BundleError(f"{path}: has a line of more than {LONGEST_LINE:,} bytes; not used")
                before = others[-1] if others else before + first
    except (OSError, EOFError, zlib.error):  # what reads it says what is wrong with it
        return
