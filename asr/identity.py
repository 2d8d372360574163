"""What utterances are known by: digests that are the same wherever they lie and in whichever format."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING

from asr.utterance import DIGEST, Utterance

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1 << 14  # digests written out at a time
LONG = 200  # bytes of an id, beyond which ids are not packed into rows of one width


def audio_digest(samples: "np.ndarray", sample_rate: int) -> str:
    """SHA-256 of decoded audio: sample rate, channels, then the samples as little-endian 16-bit integers.

    Args:
        samples: (samples, channels) int16.
        sample_rate: Hz.
    """
    if samples.ndim != 2 or samples.dtype.name != "int16":
        raise ValueError(f"expected (samples, channels) int16, got {samples.shape} {samples.dtype}")
    start = f"pcm16 {sample_rate} {samples.shape[1]}\n".encode()
    return hashlib.sha256(start + samples.astype("<i2").tobytes()).hexdigest()


def digest_of(audio: str, text: str, speaker: str) -> str:
    """Identity of an utterance: the same for WAV, FLAC and SPHERE copies, another for one changed sample.

    SHA-256 of the three as a JSON array; `audio` is what `audio_digest` gives.
    """
    return hashlib.sha256(json.dumps([audio, text, speaker]).encode()).hexdigest()


def identity(digests: Iterable[str]) -> str:
    """Identity of a set of utterances: SHA-256 over their sorted digests, a line each, so their order does not matter.

    A million of them take 70 MB: they are kept as bytes, which sort as their hexadecimal digits do.
    """
    import numpy as np

    packed, others = bytearray(), []
    for digest in digests:
        if digest and DIGEST.fullmatch(digest):
            packed += bytes.fromhex(digest)
        else:
            others.append(digest)
    found = hashlib.sha256()
    if others:
        whole = [packed[start : start + 32].hex() for start in range(0, len(packed), 32)]
        found.update("".join(f"{digest}\n" for digest in sorted(whole + others)).encode())
        return found.hexdigest()
    rows = np.frombuffer(packed, "S32").copy()
    del packed
    rows.sort()
    for start in range(0, len(rows), BLOCK):
        found.update((rows[start : start + BLOCK].tobytes().hex("\n", 32) + "\n").encode())
    return found.hexdigest()


def manifest_digest(utterances: Iterable[Utterance]) -> str:
    """SHA-256 over the lines of a manifest without `audio_filepath`, which differs from machine to machine.

    A line is JSON with sorted keys, no spaces and ASCII only, followed by a line feed; lines are in order of id. So the
    utterances in memory, the file that they were written to, and the same lines in another order give one digest, and a
    changed value of any key but `audio_filepath` gives another.

    A sequence is gone through twice, in order and in order of id, so that one on disk need not come into memory.
    """
    items = utterances if isinstance(utterances, Sequence) else list(utterances)
    digest = hashlib.sha256()
    for same in _by_id(items):
        for line in sorted(_line(items[row]) for row in same):
            digest.update(line.encode())
    return digest.hexdigest()


def _by_id(items: Sequence[Utterance]) -> Iterator[list[int]]:
    """Rows in order of their ids; those with the same id together."""
    import numpy as np

    # UTF-8 sorts as the text does.
    ids = [item.id.encode("utf-8", "surrogatepass") for item in items]
    # numpy takes a NUL at the end for none, and gives all the width of the longest.
    if any(name.endswith(b"\0") for name in ids) or max(map(len, ids), default=0) > LONG:
        return _groups(sorted(range(len(ids)), key=ids.__getitem__), ids)
    packed = np.array(ids, "S")
    order = np.argsort(packed, kind="stable")
    blocks = (order[start : start + BLOCK].tolist() for start in range(0, len(order), BLOCK))
    return _groups(chain.from_iterable(blocks), packed)


def _groups(order: Iterable[int], names: "Sequence[bytes] | np.ndarray") -> Iterator[list[int]]:
    group: list[int] = []
    for row in order:
        if group and names[group[-1]] != names[row]:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


_DIGESTED = [field.name for field in fields(Utterance) if field.name != "audio_filepath"]


def _line(utterance: Utterance) -> str:
    tree = {
        key: getattr(utterance, key) for key in _DIGESTED
    }  # asdict copies, which takes three times as long
    # 1 and 1.0 are one number, and one is read back as the other.
    tree |= {"duration": float(utterance.duration), "offset": float(utterance.offset)}
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
