"""What tests of packed models share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asr.errors import BundleError
from asr.model.packed import read_packed


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[bytes], str]:
    """What is said of a file with these bytes; nothing of it may be left where a user would find it."""

    def refused(data: bytes) -> str:
        path = tmp_path / "other.tar"
        path.write_bytes(data)
        with pytest.raises(BundleError) as caught:
            read_packed(path)
        assert str(caught.value).startswith(f"{path}: ")
        return str(caught.value)

    return refused
