"""Unpacking: damage, tricks and sudden death."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora.archive import unpack
from asr.errors import CorpusError

Pack = Callable[[Path, Path, str], Path]


def silent(_what: str, _done: int, _total: int) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, one of them large and not to be compressed."""
    root = tmp_path / "original"
    (root / "sub" / "deeper").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "sub" / "b.bin").write_bytes(os.urandom(300_000))
    (root / "sub" / "deeper" / "c.txt").write_text("c" * 1000)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", ""])
def test_tar(tmp_path: Path, folder: Path, suffix: str) -> None:
    archive = tmp_path / "archive"
    with tarfile.open(archive, f"w:{suffix}") as tar:
        tar.add(folder, "top")
    told: list[tuple[str, int, int]] = []
    target = unpack(archive, tmp_path / "cache" / "x", lambda *news: told.append(news))
    assert contents(target / "top") == contents(folder)
    assert told[-1] == ("unpack archive", archive.stat().st_size, archive.stat().st_size)
    assert visible(tmp_path / "cache") == ["x"]


def test_zip(tmp_path: Path, folder: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder))
    assert contents(unpack(tmp_path / "archive.zip", tmp_path / "x", silent)) == contents(folder)


def test_unpacked_once(tmp_path: Path, folder: Path, packed: Pack) -> None:
    archive = packed(tmp_path / "a.tar.gz", folder, ".")
    target = unpack(archive, tmp_path / "x", silent)
    archive.unlink()
    assert unpack(archive, tmp_path / "x", silent) == target


@pytest.mark.parametrize("share", [0.0005, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "", "zip"])
def test_cut_off(tmp_path: Path, folder: Path, kind: str, share: float) -> None:
    archive = tmp_path / "archive"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            packed.write(folder / "sub" / "b.bin", "b.bin")
    else:
        with tarfile.open(archive, f"w:{kind}") as tar:
            tar.add(folder / "sub" / "b.bin", "b.bin")
    size = len(archive.read_bytes()) if kind else 300_512  # a plain tar ends in zeros
    archive.write_bytes(archive.read_bytes()[: int(size * share)])
    with pytest.raises(CorpusError, match=r"cut off or damaged after|not an archive"):
        unpack(archive, tmp_path / "cache" / "x", silent)
    assert visible(tmp_path / "cache") == []


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_damaged_in_the_middle(tmp_path: Path, folder: Path, kind: str) -> None:
    archive = tmp_path / "archive"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(folder / "sub" / "b.bin", "b.bin")
    else:
        with tarfile.open(archive, f"w:{kind}") as tar:
            tar.add(folder / "sub" / "b.bin", "b.bin")
    whole = archive.read_bytes()
    archive.write_bytes(whole[:50_000] + bytes(1000) + whole[51_000:150_000] + b"\xff" * 50_000)
    with pytest.raises(CorpusError, match="cut off or damaged after"):
        unpack(archive, tmp_path / "cache" / "x", silent)
    assert visible(tmp_path / "cache") == []


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (member("../outside"), "points outside"),
        (member("top/../../outside"), "points outside"),
        (member("/tmp/outside"), "points outside"),
        (member("..\\outside"), "points outside"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "link or a device"),
        (member("link", tarfile.LNKTYPE, "a.txt"), "link or a device"),
        (member("null", tarfile.CHRTYPE), "link or a device"),
        (member("pipe", tarfile.FIFOTYPE), "link or a device"),
    ],
)
def test_tricks_of_tar(tmp_path: Path, bad: tarfile.TarInfo, complaint: str) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.addfile(member("a.txt"), io.BytesIO())
        tar.addfile(bad)
    with pytest.raises(CorpusError, match=complaint):
        unpack(tmp_path / "a.tar.gz", tmp_path / "cache" / "x", silent)
    assert visible(tmp_path / "cache") == []
    assert visible(tmp_path) == ["a.tar.gz", "cache"]


@pytest.mark.parametrize(("name", "mode"), [("../outside", 0o100644), ("link", 0o120777)])
def test_tricks_of_zip(tmp_path: Path, name: str, mode: int) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(CorpusError, match=r"points outside|link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "cache" / "x", silent)
    assert visible(tmp_path) == ["a.zip", "cache"]


@pytest.mark.parametrize("kind", ["tar", "tar of nothing", "zip"])
def test_archive_made_to_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("asr.corpora.archive.MOST_BESIDES", 1 << 16)
    path = tmp_path / "bomb"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("a.wav", bytes(1 << 20))
    else:
        with tarfile.open(path, "w:gz") as tar:
            for number in range(2000 if kind == "tar of nothing" else 1):
                info = member(f"a{number}.wav")
                info.size = 0 if kind == "tar of nothing" else 1 << 20
                tar.addfile(info, io.BytesIO(bytes(info.size)))
    size = path.stat().st_size
    with pytest.raises(
        CorpusError, match=rf"bomb: its {size} bytes unpack to more than {20 * size + (1 << 16)}"
    ):
        unpack(path, tmp_path / "cache" / "x", silent)
    assert visible(tmp_path / "cache") == []


@pytest.mark.parametrize("text", ["", "These are only words.\n"])
def test_no_archive(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.tar.gz").write_text(text)
    with pytest.raises(CorpusError, match=r"a\.tar\.gz: not an archive; expected \.tar\.gz"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "x", silent)


def test_archive_without_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz"):
        pass
    with pytest.raises(CorpusError, match="no files"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "x", silent)


def test_killed_unpack_leaves_nothing_half(tmp_path: Path, folder: Path, packed: Pack) -> None:
    archive, target = packed(tmp_path / "a.tar.gz", folder, "top"), tmp_path / "cache" / "x"
    program = (
        "import os, signal; from pathlib import Path; from asr.corpora.archive import unpack\n"
        f"unpack(Path({str(archive)!r}), Path({str(target)!r}), lambda *_: os.kill(os.getpid(), signal.SIGKILL))"
    )
    repository = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", program], cwd=repository, timeout=200, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert any(path.suffix == ".part" for path in target.parent.iterdir())
    assert contents(unpack(archive, target, silent) / "top") == contents(folder)
    assert visible(target.parent) == ["x"]  # what the killed process left is swept away
