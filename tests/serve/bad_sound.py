"""Files that are no good sound, drawn by a seed, each in a form of its own."""

import gzip
import io
import json
import random
import struct
from collections.abc import Callable

import numpy as np
import soundfile
from wire import BAD, BOUNDARY, GOOD, LARGE, LIMIT_MB, Case, case, form

RATE = 8_000  # Hz
Maker = Callable[[random.Random], Case]


def sound(draw: random.Random, form: str = "WAV", subtype: str | None = None, seconds: float = 0.4) -> bytes:
    """A file of tones and noise."""
    times = np.arange(round(seconds * RATE)) / RATE
    samples = 0.3 * np.sin(2 * np.pi * draw.uniform(200, 3000) * times)
    noise = np.random.default_rng(draw.randrange(1 << 30)).standard_normal(len(times))
    stream = io.BytesIO()
    soundfile.write(stream, samples + 0.01 * noise, RATE, format=form, subtype=subtype)
    return stream.getvalue()


FORMS = (("WAV", "PCM_16"), ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None))


def any_sound(draw: random.Random) -> bytes:
    return sound(draw, *draw.choice(FORMS))


def good(draw: random.Random) -> Case:
    return case("good", GOOD, form(any_sound(draw)))


def cut_file(draw: random.Random) -> Case:
    """What formats without a length in their header lose is not noticed: docs/transcribing.md."""
    file = any_sound(draw)
    return case("cut file", GOOD | BAD, form(file[: draw.randrange(len(file))] or b"x"))


def flipped_bytes(draw: random.Random) -> Case:
    file = bytearray(any_sound(draw))
    for _ in range(draw.choice((1, 4, 64))):
        file[draw.randrange(len(file))] = draw.randrange(256)
    return case("flipped bytes", GOOD | BAD | LARGE, form(bytes(file)))


def flipped_header(draw: random.Random) -> Case:
    file = bytearray(any_sound(draw))
    for _ in range(draw.choice((1, 2, 8))):
        file[draw.randrange(min(64, len(file)))] = draw.randrange(256)
    return case("flipped header", GOOD | BAD | LARGE, form(bytes(file)))


def garbage(draw: random.Random) -> Case:
    return case("garbage", BAD, form(b"\1" + draw.randbytes(draw.choice((1, 10, 1000, 100_000)))))


def garbage_behind_magic(draw: random.Random) -> Case:
    magic = draw.choice(
        (
            b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC\0\0\0\x22", b"OggS\0\2", b"ID3\4\0\0\0\0\0\0",
            b"FORM\0\0\0\0AIFFCOMM", b"NIST_1A\n   1024\n", b"\0\0\0\x20ftypM4A ", b"\x1aE\xdf\xa3", b"#!AMR\n",
            b".snd\0\0\0\x18", b"RF64", b"\xff\xfb\x90\x64",
        )
    )  # fmt: skip
    return case("garbage behind magic", GOOD | BAD | LARGE, form(magic + draw.randbytes(2000)))


def wrong_type(draw: random.Random) -> Case:
    other = draw.choice(
        (
            b"%PDF-1.7\n" + b"x" * 500,
            b"PK\3\4" + draw.randbytes(300),
            b"\x89PNG\r\n\x1a\n" + draw.randbytes(200),
            b"<!doctype html><script>alert(1)</script>",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
            gzip.compress(sound(draw)),
            json.dumps({"audio": "no"}).encode(),
        )
    )
    return case("wrong type", BAD, form(other, draw.choice(("a.wav", "a.m3u8", "a.mp4", "list.txt"))))


def empty(draw: random.Random) -> Case:
    return case(
        "empty",
        BAD,
        draw.choice((form(b""), b"--" + BOUNDARY + b"--\r\n", b"", form(sound(draw, seconds=0)))),
    )


def lying_wav(draw: random.Random) -> Case:
    """A header that claims what is not there: rates, channels, sizes."""
    rate = draw.choice((0, 1, 7, 100, RATE, 1 << 20, (1 << 32) - 1))
    channels = draw.choice((0, 1, 2, 255, 1024, 65535))
    bits = draw.choice((0, 1, 8, 16, 24, 32, 64, 65535))
    size = draw.choice((0, 10, 4000, (1 << 31), (1 << 32) - 1))
    block = (channels * bits // 8) & 0xFFFF
    fmt = struct.pack(
        "<HHIIHH",
        draw.choice((1, 3, 6, 7, 85, 0xFFFE)),
        channels,
        rate,
        rate * block & 0xFFFFFFFF,
        block,
        bits,
    )
    data = draw.randbytes(4000)
    body = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size) + data
    file = b"RIFF" + struct.pack("<I", draw.choice((len(body) + 4, 0, (1 << 32) - 1))) + b"WAVE" + body
    return case("lying WAV", GOOD | BAD | LARGE, form(file))


def gigantic_tag(draw: random.Random) -> Case:
    """Tags and chunks that claim megabytes to gigabytes."""
    file = draw.choice(
        (
            b"ID3\4\0\0\x7f\x7f\x7f\x7f" + draw.randbytes(100),
            b"fLaC\x04\xff\xff\xff" + draw.randbytes(100),
            b"RIFF\xff\xff\xff\x7fWAVELIST\xff\xff\xff\x7f" + draw.randbytes(100),
            b"NIST_1A\n99999999\n" + b"sample_count -i 99999999999\n" + draw.randbytes(100),
            b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42\xff\xff\xff\xffmoov" + draw.randbytes(100),
            b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + draw.randbytes(100),
            b"FORM\x7f\xff\xff\xffAIFFCOMM\x7f\xff\xff\xff" + draw.randbytes(100),
        )
    )
    return case("gigantic header", BAD, form(file))


def bomb(draw: random.Random, seconds: float = 300.0) -> Case:
    """Small files that are long: silence packs well. Over the limit of seconds, far below that of bytes."""
    which, subtype = draw.choice((("FLAC", None), ("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", None)))
    stream = io.BytesIO()
    second = np.zeros(RATE, np.float32)
    with soundfile.SoundFile(stream, "w", RATE, 1, format=which, subtype=subtype) as file:
        for _ in range(round(seconds)):  # libsndfile's Vorbis puts a whole block on its stack
            file.write(second)
    return case(f"bomb {which} {subtype or ''}".strip(), LARGE, form(stream.getvalue()[: LIMIT_MB * 900_000]))


def slow_rate_bomb(draw: random.Random) -> Case:
    """One sample a second: resampled, it would be thousands of times larger."""
    rate = draw.choice((1, 10, 100))
    head = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    data = draw.randbytes(200_000)
    body = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return case(
        "slow rate bomb", LARGE | BAD, form(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    )


def many_channels(draw: random.Random) -> Case:
    """Of Vorbis there may be 255, and a block of each is in memory at once."""
    channels = draw.choice((64, 200, 255))
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros((RATE, channels), np.float32), RATE, format="WAV", subtype="PCM_U8")
    return case("many channels", GOOD | BAD | LARGE, form(stream.getvalue()))
