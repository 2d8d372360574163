"""The readers by name."""

from importlib import import_module

from asr.corpora.reading import Reader
from asr.errors import CorpusError

NAMES = ("an4", "digits", "fsdd", "manifest", "shards", "yesno")


def get_reader(name: str) -> Reader:
    """The reader called `name`.

    Raises:
        CorpusError: there is none; the message lists the known ones.
    """
    if name not in NAMES:
        raise CorpusError(f"no corpus is called {name!r}; known are {', '.join(NAMES)}")
    reader = import_module(f"asr.corpora.{name}").READER
    assert isinstance(reader, Reader)
    return reader
