"""The readers by name."""

from importlib import import_module

from asr.corpora.reading import Reader
from asr.errors import CorpusError

PUBLISHED = (
    *("aishell", "an4", "commonvoice", "fsdd", "librispeech", "ljspeech", "mls", "speech_commands"),
    *("tedlium", "thchs30", "timit", "vctk", "voxforge", "yesno"),
)
HERE = ("digits", "manifest", "shards")  # made here, or the user's own
NAMES = tuple(sorted((*PUBLISHED, *HERE)))


def get_reader(name: str) -> Reader:
    """The reader called `name`.

    Raises:
        CorpusError: there is none; the message lists the known ones.
    """
    if name not in NAMES:
        raise CorpusError(f"no corpus is called {name!r}; known are {', '.join(NAMES)}")
    place = "asr.corpora.readers" if name in PUBLISHED else "asr.corpora"
    reader = import_module(f"{place}.{name}").READER
    assert isinstance(reader, Reader)
    return reader
