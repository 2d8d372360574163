"""How much sound a file's header declares, and how much of it is there.

libsndfile reads half a WAV, AIFF, AU, SPHERE or MP3 file without complaint. The headers say how long the
whole was, so they are read here, and only they: no sound is decoded.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

# Programs that write into a pipe cannot come back to fill in the length. They leave all bits set (ffmpeg),
# all but the sign (several) or 0x7FFFF000 (sox): from here on a 32-bit size says "until the end".
_UNKNOWN_32 = 0x7FFF_0000
_UNKNOWN_64 = 0x7FFF_FFFF_0000_0000
_W64_SUFFIX = bytes.fromhex("f3acd3118cd100c04f8edb8a")
# What says no length in a place where it can be believed, or none at all.
_STARTS = {
    b"#!AMR": "AMR",
    b"0&\xb2u\x8ef\xcf\x11": "WMA",
    b"FLV\x01": "FLV",
    b"\0\0\x01\xba": "MPEG",
}
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free")  # that a file may begin with
_MOST_BOXES = 1 << 16  # that are looked at
_OGG_PAGE = 27 + 255 + 255 * 255  # bytes in the longest page


@dataclass(frozen=True)
class Extent:
    """The sound part of a file."""

    container: str  # as people call it
    declared: int | None = None  # bytes of sound according to the header; None: it does not say
    present: int = 0  # bytes that there are from where the sound starts
    unfinished: bool = False  # an end mark is missing or damaged (Ogg, which declares no length)
    mend: tuple[slice, bytes] | None = None  # bytes to put there, or libsndfile would not read all of it
    open_ended: bool = False  # so mended, the number of frames that libsndfile tells is too large

    @property
    def cut_off(self) -> bool:
        return self.unfinished or (self.declared is not None and self.present < self.declared)


def find_extent(stream: BinaryIO) -> Extent:
    """Reads the headers of a WAV, RF64, W64, AIFF, AU, SPHERE, Ogg, MP3, MP4, Matroska or AVI file.

    Other formats, and headers that make no sense, give an `Extent` that declares nothing: whether they are
    sound at all is for the decoder to find out. Leaves the stream at an arbitrary place.
    """
    size = stream.seek(0, 2)
    start = _read(stream, 0, 16)
    if start[4:8] in _MP4_BOXES:
        return _mp4(stream, size)
    for mark, container in _STARTS.items():
        if start.startswith(mark):
            return Extent(container)
    match start[:4]:
        case b"RIFF" | b"RIFX" | b"RF64" if start[8:12] == b"WAVE":
            return _wav(stream, size, start)
        case b"FORM" if start[8:12] in (b"AIFF", b"AIFC"):
            return _chunk_extent("AIFF", stream, size, b"SSND", ">")
        case b"riff" if start[4:16] == bytes.fromhex("2e91cf11a5d628db04c10000"):
            return _w64(stream, size)
        case b".snd":
            return _au(start, size)
        case b"NIST":
            return _sphere(stream, size)
        case b"OggS":
            return _ogg(stream, size)
        case b"RIFF" if start[8:12] == b"AVI ":
            return Extent("AVI", struct.unpack("<I", start[4:8])[0], size - 8)
        case b"\x1aE\xdf\xa3":
            return _matroska(stream, size)
        case b"fLaC":
            return Extent("FLAC")  # declares samples, not bytes: only decoding can tell
    return Extent("AAC") if _is_adts(stream, start) else _mp3(stream, size)


def _read(stream: BinaryIO, offset: int, count: int) -> bytes:
    stream.seek(offset)
    return stream.read(count)


def _chunks(stream: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its bytes begin, how many it declares) of each chunk of an IFF file."""
    offset = 12
    while offset + 8 <= size:
        name, length = struct.unpack(order + "4sI", _read(stream, offset, 8))
        yield name, offset + 8, length
        offset += 8 + length + length % 2


def _chunk_extent(container: str, stream: BinaryIO, size: int, wanted: bytes, order: str) -> Extent:
    for name, begin, length in _chunks(stream, size, order):
        if name == wanted:
            return Extent(container, length if length < _UNKNOWN_32 else None, size - begin)
    return Extent(container)


def _wav(stream: BinaryIO, size: int, start: bytes) -> Extent:
    order = ">" if start[:4] == b"RIFX" else "<"
    (riff,) = struct.unpack(order + "I", start[4:8])
    long_length = 0  # RF64 keeps its 64-bit data size in a chunk of its own
    for name, begin, length in _chunks(stream, size, order):
        if name == b"ds64":
            fields = _read(stream, begin, 16)
            long_length = struct.unpack("<Q", fields[8:])[0] if len(fields) == 16 else 0
        if name != b"data":
            continue
        present = size - begin
        if length == 0xFFFF_FFFF and 0 < long_length < _UNKNOWN_64:
            return Extent("WAV", long_length, present)
        if length == 0 and present and not begin < 8 + riff <= size:
            # Neither the sound's size nor the file's was ever filled in. (Where the file's size was, and
            # reaches beyond, other chunks follow an empty one.)
            return Extent("WAV", None, present, mend=(slice(begin - 4, begin), b"\xff" * 4))
        return Extent("WAV", length if length < _UNKNOWN_32 else None, present)
    return Extent("WAV")


def _w64(stream: BinaryIO, size: int) -> Extent:
    offset = 40  # two 16-byte names and an 8-byte size
    while offset + 24 <= size:
        name, length = struct.unpack("<16sQ", _read(stream, offset, 24))
        if name == b"data" + _W64_SUFFIX:
            return Extent("W64", length - 24 if 24 <= length < _UNKNOWN_64 else None, size - offset - 24)
        offset += max(24, (length + 7) // 8 * 8)
    return Extent("W64")


def _au(start: bytes, size: int) -> Extent:
    begin, length = struct.unpack(">II", start[4:12].ljust(8, b"\0"))
    return Extent("AU", length if 0 < length < _UNKNOWN_32 else None, size - begin)


def _sphere(stream: BinaryIO, size: int) -> Extent:
    """NIST SPHERE: a text header whose second line is its own length, then the samples."""
    digits = _read(stream, 8, 8).strip()
    begin = int(digits) if digits.isdigit() else 1024  # at most 8 digits are looked at
    fields = {
        key.decode(): value.decode()
        for key, value in re.findall(
            rb"^(\w+) -\S+ (.*?)\s*$", _read(stream, 0, min(begin, 1 << 16)), re.MULTILINE
        )
        if value.isascii()
    }
    coding = fields.get("sample_coding", "pcm")
    if "shorten" in coding or "wavpack" in coding:
        return Extent(f"SPHERE ({coding})")
    try:
        declared = (
            int(fields["sample_count"]) * int(fields.get("channel_count", 1)) * int(fields["sample_n_bytes"])
        )
    except (KeyError, ValueError):
        return Extent("SPHERE")
    return Extent("SPHERE", declared, max(0, size - begin))


def _ogg(stream: BinaryIO, size: int) -> Extent:
    """RFC 3533: the last page of a stream carries the end mark."""
    begin = max(0, size - _OGG_PAGE)
    tail = _read(stream, begin, _OGG_PAGE)
    page = tail.rfind(b"OggS\0")
    if page < 0 or len(tail) < page + 27:
        return Extent("Ogg", unfinished=True)
    segments = tail[page + 26]
    table = tail[page + 27 : page + 27 + segments]
    whole = len(table) == segments and page + 27 + segments + sum(table) <= len(tail)
    return Extent("Ogg", unfinished=not (whole and tail[page + 5] & 4))


def _mp3(stream: BinaryIO, size: int) -> Extent:
    """Layer III. The Xing or Info frame that most encoders put first tells the length.

    Without one libsndfile takes every frame to be as long as the first and stops after as many, a third of
    the way in the case that was tried. So it is given such a frame with more frames than there can be, and
    reads to the end.
    """
    begin = _after_id3(stream)
    frame = _read(stream, begin, 64)
    if len(frame) < 64 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2 or frame[2] & 0x0C == 0x0C:
        return Extent("unknown")
    version = frame[1] >> 3 & 3  # 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5
    mono = frame[3] & 0xC0 == 0xC0
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)  # bytes before the tag
    tag = frame[4 + side : 4 + side + 16]
    if tag[:4] in (b"Xing", b"Info") and tag[7] & 1:
        declared = struct.unpack(">I", tag[12:])[0] if tag[7] & 2 else 0
        return Extent("MP3", declared or None, size - begin)
    if version == 1:
        return Extent("unknown")
    rates = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
    rate = rates[version][frame[2] >> 2 & 3]
    length = 144 * 128_000 // rate if version == 3 else 72 * 80_000 // rate  # bytes at bit rate number 9
    head = bytes([0xFF, frame[1] | 1, 0x90 | frame[2] & 0x0C, frame[3]]) + bytes(side)
    most = size // 24 + 1  # no frame is shorter than 24 bytes
    head += b"Xing" + struct.pack(">II", 1, most)
    mend = (slice(begin, begin), head.ljust(length, b"\0"))
    return Extent("MP3", None, size - begin, mend=mend, open_ended=True)


def _after_id3(stream: BinaryIO) -> int:
    offset = 0
    while len(tag := _read(stream, offset, 10)) == 10 and tag[:3] == b"ID3":
        length = sum((byte & 0x7F) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
        offset += 10 + length + (10 if tag[5] & 0x10 else 0)
    return offset


def _mp4(stream: BinaryIO, size: int) -> Extent:
    """ISO 14496-12: boxes one after the other, each with its size. The last one ends where the file does."""
    offset = 0
    for _ in range(_MOST_BOXES):
        head = _read(stream, offset, 16)
        if len(head) < 8 or not head[4:8].isalnum():  # some programs leave zeros at the end
            break
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:  # 0: to the end of the file
            break
        if offset + length > size:
            return Extent("MP4", length, size - offset)
        offset += length
    return Extent("MP4")


def _matroska(stream: BinaryIO, size: int) -> Extent:
    """RFC 8794: a header, and the segment that holds all else. What was recorded as it came leaves its size open."""
    offset = 0
    for name in (b"\x1aE\xdf\xa3", b"\x18S\x80g"):
        head = _read(stream, offset, 12)
        if len(head) < 12 or head[:4] != name or not head[4]:
            break
        width = 9 - head[4].bit_length()  # bytes of the size: one more than it has leading zero bits
        length = int.from_bytes(head[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:
            break
        offset += 4 + width
        if offset + length > size:
            return Extent("Matroska", length, size - offset)
        offset += length
    return Extent("Matroska")


def _is_adts(stream: BinaryIO, start: bytes) -> bool:
    """AAC without a container: a frame, and another one behind it."""
    if len(start) < 7 or start[0] != 0xFF or start[1] & 0xF6 != 0xF0:
        return False
    length = (start[3] & 3) << 11 | start[4] << 3 | start[5] >> 5
    after = _read(stream, length, 2)
    return length > 7 and (not after or (after[0] == 0xFF and len(after) == 2 and after[1] & 0xF6 == 0xF0))
