"""From a name to a proven corpus, and everything that can be wrong on the way."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import asr.audio
from asr.corpora import CorpusSource, PreparedCorpus, Reader, an4, get_reader, prepare, readers, write_lock
from asr.corpora import prepare as _prepare  # the function; its module has the same name
from asr.errors import CorpusError
from asr.manifest import utterance_digest

Build = Callable[..., Path]
assert _prepare is prepare


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lock files are looked for here instead of in `data/`; at first there are none."""
    folder = tmp_path / "locks"
    folder.mkdir()
    monkeypatch.setattr("asr.corpora.prepare.data_file", lambda name: folder / name)
    return folder
