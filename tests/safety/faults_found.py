"""Altering signed things, and what is then found to be wrong with them."""

from pathlib import Path

from asr.safety.keys import SigningKey, Trusted
from asr.safety.signed import check_signed
from asr.safety.things import find_thing


def trust(key: SigningKey) -> tuple[Trusted, ...]:
    return (Trusted("alice.pub", (key.public,)),)


def faults(thing: Path, key: SigningKey) -> dict[str, str]:
    """Codes of what is wrong, by file."""
    return {fault.what: fault.code for fault in check_signed(find_thing(thing), trust(key)).faults}


def files(folder: Path) -> list[str]:
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in found if name not in (".lock", "signatures.json")]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
