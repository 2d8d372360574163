"""What a system is made of: a package that is missing is named, with the command that gets it; folders have digests."""

import subprocess
import sys
from pathlib import Path

import pytest

from asr.benchmark.errors import HearingError
from asr.benchmark.systems.parts import digest_of, size_of, versions_here, versions_of


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(HearingError, match=r"needs no-such-thing, .*: pip install 'attest-asr\[whisper\]'"):
        versions_of("whisper", "numpy", "no-such-thing")
    assert list(versions_here("numpy", "no-such-thing")) == ["numpy"]


@pytest.mark.parametrize(
    ("kind", "spec", "extra", "keys"),
    [
        ("pocketsphinx", "PocketsphinxSpec", "pocketsphinx", {}),
        ("faster_whisper", "FasterWhisperSpec", "whisper", {"model": "tiny.en"}),
    ],
)
def test_each_extra_that_is_missing_is_one_error(
    kind: str, spec: str, extra: str, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import import_module, metadata

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    tree = {"name": "it", "kind": kind.replace("faster_", "faster-"), **keys}
    made = getattr(import_module(f"asr.benchmark.systems.{kind}"), spec)(**tree).system(Path())
    for ask in (made.identity, made.size, made.open):
        with pytest.raises(HearingError, match=rf"pip install 'attest-asr\[{extra}\]'"):
            ask()


def test_specifications_load_nothing_heavy() -> None:
    names = ("attest", "command", "ensemble", "faster_whisper", "openai_server", "pocketsphinx")
    code = "import sys\n" + "".join(f"import asr.benchmark.systems.{name}\n" for name in names)
    code += "heavy = {'torch', 'numpy', 'pocketsphinx._pocketsphinx', 'faster_whisper', 'ctranslate2'}\n"
    code += "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)


def test_a_folder_is_known_by_all_that_is_in_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "x").write_bytes(b"1")
        (folder / "y").write_bytes(b"23")
    assert digest_of(first) == digest_of(second)
    assert size_of(first) == 3
    (second / "a" / "x").rename(second / "a" / "z")
    assert digest_of(first) != digest_of(second)
    with pytest.raises(HearingError, match="missing: cannot be read"):
        digest_of(tmp_path / "missing")
