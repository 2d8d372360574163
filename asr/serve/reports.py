"""What a server says on standard error: routes, statuses and times. No names of files, and nothing that was said."""

import sys
import traceback
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def say(text: str) -> None:
    """One line."""
    print(f"asr: {text}", file=sys.stderr, flush=True)


def report(error: BaseException) -> None:
    """A bug: its kind and the places in this package that it came through, without its message, which may quote an
    upload."""
    places = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(PACKAGE):
            places.append(f"{path.relative_to(PACKAGE.parent)}:{frame.lineno}")
    say(f"a bug: {type(error).__name__} at {' > '.join(places) or 'an unknown place'}")
