"""What a file is that was given for a packed model and is none: told by its first bytes, so that the error helps."""

import tarfile

EXPECTED = "expected a packed model, a .tar of `asr models pack`"
_PICKLE = "PyTorch files hold pickle, which can run any code, so they are never read"


def what_it_is(head: bytes, size: int) -> str:
    """
    Args:
        head: the first 512 bytes, or all there are.
        size: bytes of the file.

    Returns:
        In words, and what was expected instead.
    """
    return f"{_kind(head, size)}; {EXPECTED}"


def _kind(head: bytes, size: int) -> str:
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if len(head) > 1 and head[0] == 0x80 and head[1] in range(2, 6):
        return f"a pickle; {_PICKLE}"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "weights alone (safetensors); a model needs its model.json, too"
    if head[257:262] == b"ustar" or _checks(head):
        return f"a .tar, but no packed model, or an altered one: it begins with {_first_name(head)}"
    if head.lstrip()[:1] in (b"{", b"["):
        return "a text, perhaps JSON"
    return "an empty file" if not head else "no packed model, or its beginning is damaged"


_MAGIC = {
    b"PK\x03\x04": f"a zip file, as those of PyTorch are; {_PICKLE}",
    b"\x1f\x8b": "compressed (gzip); if a packed model is in it, decompress it first: gunzip FILE",
    b"BZh": "compressed (bzip2); if a packed model is in it, decompress it first: bunzip2 FILE",
    b"\xfd7zXZ\x00": "compressed (xz); if a packed model is in it, decompress it first: unxz FILE",
    b"\x28\xb5\x2f\xfd": "compressed (zstd); if a packed model is in it, decompress it first: unzstd FILE",
}


def _checks(head: bytes) -> bool:
    """Whether it is the header of a .tar without a magic number, as old ones have."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def _first_name(head: bytes) -> str:
    return repr(head[:100].split(b"\0")[0].decode("utf-8", "replace"))
