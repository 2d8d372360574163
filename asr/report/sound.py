"""The sound of an utterance: a spectrogram as a small picture."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

from asr.audio import Audio

WINDOW, HOP = 0.025, 0.008  # seconds
ROWS = 128  # of the picture, from 0 Hz at the bottom to HIGHEST
HIGHEST = 8_000.0  # Hz
RANGE = 70.0  # dB below the loudest that are told apart
SHADES = 64
# Of magma (matplotlib, CC0): dark to bright in even steps, also for those who do not see colours.
_MAGMA = ((0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122), (229, 80, 100), (251, 135, 97),
          (254, 194, 135), (252, 253, 191))  # fmt: skip


def highest(audio: Audio) -> float:
    """Hz at the upper edge of the picture."""
    return min(HIGHEST, audio.sample_rate / 2)


def spectrogram(audio: Audio) -> npt.NDArray[np.uint8]:
    """(ROWS, columns) shades, the highest frequency first; a column each HOP seconds."""
    size = round(WINDOW * audio.sample_rate)
    hop = max(1, round(HOP * audio.sample_rate))
    samples = np.pad(np.asarray(audio.samples, np.float64), (size // 2, size))
    starts = np.arange(0, max(1, len(audio.samples)), hop)
    frames = samples[starts[:, None] + np.arange(size)] * np.hanning(size)
    length = 1 << (2 * size - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, length)) ** 2
    hertz = (np.arange(ROWS) + 0.5) * highest(audio) / ROWS
    bins = np.clip(np.rint(hertz * length / audio.sample_rate).astype(int), 0, power.shape[1] - 1)
    # Emphasis of high frequencies as the ear has it, so that consonants can be seen.
    decibels = 10 * np.log10(power[:, bins] + 1e-12) + 6 * np.log2(np.maximum(hertz, 200) / 200)
    top = decibels.max()
    scaled = np.clip((decibels - top + RANGE) / RANGE, 0, 1)
    return np.flipud((scaled.T * (SHADES - 1)).round().astype(np.uint8))


def png(shades: npt.NDArray[np.uint8]) -> bytes:
    """A picture of (rows, columns) shades, 0 to SHADES - 1, as PNG with a palette."""
    rows, columns = shades.shape
    anchors = np.linspace(0, SHADES - 1, len(_MAGMA))
    palette = np.stack(
        [np.interp(np.arange(SHADES), anchors, [colour[band] for colour in _MAGMA]) for band in range(3)],
        axis=1,
    )
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), shades], axis=1)  # filter 0 before each line
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette.round().astype(np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
