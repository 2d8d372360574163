"""Packed models: what comes out is what went in, and of anything else nothing is used."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import small_bundle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.errors import BundleError, StorageError
from asr.model.contents import FILES, LIST, Contents, bundle_sources, check_contents, contents_of
from asr.model.packed import read_packed, write_packed

NEEDED = ["model.json", "weights.safetensors", "decoder.json", "lexicon.txt", "README.md"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a search, a lexicon and a model card."""
    folder = small_bundle.write_searching_bundle(tmp_path_factory.mktemp("bundle") / "small")
    (folder / "README.md").write_text("A small model.\n")
    return folder


@pytest.fixture(scope="module")
def packed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "small.tar"
    write_packed(path, bundle_sources(bundle))
    return path


def members(packed: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(packed) as tar:
        return [(info, stream.read() if (stream := tar.extractfile(info)) else b"") for info in tar]


def tarred(parts: list[tuple[tarfile.TarInfo, bytes]], kind: int = tarfile.USTAR_FORMAT) -> bytes:
    """As a program would write it that is not ours."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for info, data in parts:
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


def relisted(parts: list[tuple[tarfile.TarInfo, bytes]]) -> list[tuple[tarfile.TarInfo, bytes]]:
    """With a list of digests that is right for what follows, as somebody would make it who means harm."""
    listed = {info.name.removeprefix("model/"): data for info, data in parts if info.isreg()}
    files = {name: contents_of({"README.md": data}).files["README.md"] for name, data in listed.items()}
    text = Contents(files=files).to_bytes()
    head = tarfile.TarInfo(f"model/{LIST}")
    head.size = len(text)
    return [(head, text), *parts]


def test_round_trip(bundle: Path, packed: Path, tmp_path: Path) -> None:
    contents = read_packed(packed, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([LIST, *NEEDED])
    for name in NEEDED:
        assert (tmp_path / name).read_bytes() == (bundle / name).read_bytes()
    assert check_contents(tmp_path) == contents == contents_of(bundle_sources(bundle))
    write_packed(tmp_path / "again.tar", bundle_sources(tmp_path))
    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()


def test_it_is_a_plain_tar_with_the_list_first(bundle: Path, packed: Path) -> None:
    found = members(packed)
    assert [info.name for info, _ in found] == [f"model/{name}" for name in (LIST, *NEEDED)]
    assert {(info.uid, info.gid, info.uname, info.mtime, info.mode) for info, _ in found} == {
        (0, 0, "", 0, 0o644)
    }
    assert tarred(found) == packed.read_bytes()
    tree = json.loads(found[0][1])  # the digest is that of `printf 'A small model.\n' | sha256sum`
    assert (tree["kind"], tree["format"]) == ("attest-model", 1)
    assert tree["files"]["README.md"] == {
        "bytes": 15,
        "sha256": "b93c42c5eed5bdb9b13dc515f4066520c0c715ae3bc903521d5f49a1c53336df",
    }


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.data(), flip=st.integers(1, 255))
def test_whichever_byte_is_altered(
    packed: Path, refused: Callable[[bytes], str], place: st.DataObject, flip: int
) -> None:
    """In a header, the list, a file, the padding or the end: each of these as often as the others."""
    data = bytearray(packed.read_bytes())
    first, last = place.draw(st.sampled_from(spans(packed)))
    data[place.draw(st.integers(first, last - 1))] ^= flip
    assert refused(bytes(data))


def spans(packed: Path) -> list[tuple[int, int]]:
    """Where headers, files and what fills the blocks are."""
    found, at = [], 0
    for info, _ in members(packed):
        padded = info.offset_data + info.size + -info.size % 512
        found += [(at, at + 512), (info.offset_data, info.offset_data + info.size)]
        if padded > info.offset_data + info.size:
            found.append((info.offset_data + info.size, padded))
        at = padded
    return [*found, (at, packed.stat().st_size)]


def test_spans_are_all_of_it(packed: Path) -> None:
    found = sorted(spans(packed))
    assert found[0][0] == 0 and found[-1][1] == packed.stat().st_size
    assert all(before[1] == after[0] for before, after in pairwise(found))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_cut_off_anywhere(packed: Path, refused: Callable[[bytes], str], data: st.DataObject) -> None:
    whole = packed.read_bytes()
    cut = data.draw(st.integers(1, len(whole) - 1))
    said = refused(whole[:cut])
    first = members(packed)[0][0]
    if cut >= first.offset_data + first.size + 512:
        assert f"cut off: {cut:,} bytes, its list adds up to {len(whole):,}" in said


def test_something_after_the_end(packed: Path, refused: Callable[[bytes], str]) -> None:
    for more in (b"\0", bytes(10240), packed.read_bytes()):
        assert "something follows the model" in refused(packed.read_bytes() + more)


@pytest.mark.parametrize("number", range(6))
def test_a_member_is_missing_doubled_or_exchanged(
    number: int, packed: Path, refused: Callable[[bytes], str]
) -> None:
    found = members(packed)
    assert refused(tarred(found[:number] + found[number + 1 :]))
    assert refused(tarred(found[: number + 1] + found[number:]))
    other = (number + 1) % len(found)
    found[number], found[other] = found[other], found[number]
    assert refused(tarred(found))


def test_missing_members_with_a_list_to_match(packed: Path, refused: Callable[[bytes], str]) -> None:
    rest = members(packed)[1:]
    assert "no model.json in it" in refused(tarred(relisted(rest[1:])))
    assert "no weights.safetensors in it" in refused(tarred(relisted([rest[0], *rest[2:]])))


@pytest.mark.parametrize(
    "name", ["setup.py", "../x", "/etc/passwd", "model.json/../x", "a\nb", "", "Model.json"]
)
def test_other_names_are_no_part_of_a_model(name: str, packed: Path, refused: Callable[[bytes], str]) -> None:
    """Though the list names them, with the right digest."""
    info = tarfile.TarInfo(f"model/{name}")
    info.size = 2
    assert "is no part of a model" in refused(tarred(relisted([*members(packed)[1:], (info, b"hi")])))


KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder",
}


@pytest.mark.parametrize("kind", KINDS)
def test_links_devices_and_folders(kind: bytes, packed: Path, tmp_path: Path) -> None:
    """In the place of a file that the list names; nothing is made of them."""
    found = members(packed)
    odd = tarfile.TarInfo(found[2][0].name)
    odd.type, odd.linkname = kind, "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    data = tarred([*found[:2], (odd, b""), *found[2:]])
    size = packed.stat().st_size  # as long as the list says, or the length alone gives it away
    path, folder = tmp_path / "odd.tar", tmp_path / "folder"
    path.write_bytes((data + bytes(size))[:size])
    folder.mkdir()
    with pytest.raises(BundleError, match=f"member 3 is {KINDS[kind]}, 'model/weights.safetensors', 0 bytes"):
        read_packed(path, folder)
    assert sorted(each.name for each in folder.iterdir()) == [LIST, "model.json"]
    assert not any(each.is_symlink() for each in folder.iterdir())


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_extended_headers(kind: int, packed: Path, refused: Callable[[bytes], str]) -> None:
    """They could give a member another name or size than its header."""
    found = members(packed)
    found[1][0].pax_headers = {"path": "model/other", "GNU.sparse.realsize": "9999999999999"}
    found[1][0].name = "model/" + "long" * 40
    assert refused(tarred(found, kind))


def test_a_size_that_is_not_there(packed: Path, refused: Callable[[bytes], str], tmp_path: Path) -> None:
    """A bomb: gigabytes are announced, in the list as in the header, and nothing is written."""
    found = members(packed)
    text = found[0][1].replace(b'"bytes": 15', b'"bytes": 7000000000')
    found[0][0].size = len(text)
    found[-1][0].size = 7_000_000_000
    headers = b"".join(
        tarred([(info, data)])[: 512 + -(-len(data) // 512) * 512]
        for info, data in [(found[0][0], text), *found[1:-1]]
    )
    bomb = headers + found[-1][0].tobuf(tarfile.USTAR_FORMAT) + bytes(20_000)
    assert "cut off" in refused(bomb)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(BundleError):
        read_packed(tmp_path / "other.tar", folder)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('"format": 1', '"format": 2', "packed in format 2, by a newer Attest"),
        ('"format": 1', '"format": 0', "altered"),
        ('"attest-model"', '"other"', "key kind"),
        ('"bytes": 15', '"bytes": -1', "key files.README.md.bytes"),
        ('"bytes": 15', '"bytes": 15.0', "key files.README.md.bytes"),
        ('"bytes": 15', '"bytes": 15, "bytes": 15', "altered"),
        ('"kind"', '"more": 1, "kind"', "key more"),
        ('"files": {', '"files": [', "is no JSON"),
        ("{", "[" * 50_000, "is no JSON"),
        ("{", " " * 70_000 + "{", "a list of files of "),
    ],
)
def test_the_list(
    before: str, after: str, expected: str, packed: Path, refused: Callable[[bytes], str]
) -> None:
    found = members(packed)
    text = found[0][1].decode().replace(before, after, 1).encode()
    found[0][0].size = len(text)
    assert expected in refused(tarred([(found[0][0], text), *found[1:]]))


def test_a_file_that_changes_under_way(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    sources = bundle_sources(copy)
    measured = contents_of(sources)
    monkeypatch.setattr("asr.model.packed.contents_of", lambda sources: measured)
    (copy / "README.md").write_text("Another card.\n")
    with pytest.raises(BundleError, match=r"README\.md: changed while it was packed"):
        write_packed(tmp_path / "out.tar", sources)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


def test_folders_that_cannot_be_written(bundle: Path, packed: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StorageError, match="cannot be written: File exists"):
        write_packed(file / "out.tar", bundle_sources(bundle))
    with pytest.raises(StorageError, match="cannot be written: No such file or directory"):
        read_packed(packed, tmp_path / "gone")


def test_a_bundle_is_what_its_description_names(bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    (copy / "notes.txt").touch()
    (copy / "language_model.arpa.gz").touch()  # that decoder.json does not name
    assert list(bundle_sources(copy)) == NEEDED
    assert list(contents_of(bundle_sources(copy)).files) == sorted(NEEDED, key=FILES.index)
    (copy / "lexicon.txt").unlink()
    with pytest.raises(BundleError, match=r"lexicon\.txt: missing, and the model needs it"):
        bundle_sources(copy)
