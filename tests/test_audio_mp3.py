"""MP3: its length stands in a first frame that some encoders leave out."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import read_audio, read_pcm16
from asr.errors import AudioError


def encode(rate: int, channels: int) -> tuple[np.ndarray, bytes]:
    """3 s of noise, and an MP3 of it whose frames are not all of one length."""
    noise = np.random.default_rng(1).standard_normal((3 * rate, channels)) / 10
    stream = io.BytesIO()
    soundfile.write(stream, noise, rate, format="MP3", bitrate_mode="VARIABLE")
    return noise, stream.getvalue()


def without_xing(content: bytes) -> bytes:
    """The MP3 from its second frame on: the first holds no sound, only the length."""
    second = content.index(content[:2], 100)
    assert b"Xing" in content[:second] or b"Info" in content[:second]
    return content[second:]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])  # MPEG-2.5, MPEG-2 and twice MPEG-1
def test_mp3_lengths(rate: int, channels: int, tmp_path: Path) -> None:
    """libsndfile alone stops early without a Xing header: it takes all frames to be as long as the first."""
    noise, whole = encode(rate, channels)
    path = tmp_path / "a.mp3"
    path.write_bytes(whole)
    assert read_pcm16(path)[0].shape == noise.shape
    path.write_bytes(whole[:-400])
    with pytest.raises(AudioError, match="cut off: its MP3 header declares"):
        read_pcm16(path)

    content = without_xing(whole)
    for tag in (b"", b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)):
        path.write_bytes(tag + content)
        samples, found_rate = read_pcm16(path)
        assert (found_rate, samples.shape[1]) == (rate, channels)
        assert len(noise) <= len(samples) < len(noise) + 3 * 1152
        assert read_audio(path, offset=2.0, duration=0.5).seconds == 0.5
        tail = read_pcm16(path, offset=2.5)[0]
        assert len(tail) == len(samples) - 2.5 * rate
        assert np.abs(tail - samples[-len(tail) :].astype(np.int32)).max() <= 1
        with pytest.raises(AudioError, match=r"a\.mp3: offset 60 s is past the end; ask for"):
            read_audio(path, offset=60.0)


def test_libsndfile_alone_reads_a_third_of_an_mp3_without_a_length() -> None:
    """Why such files are mended. Where this fails, the mending may go."""
    noise, whole = encode(48_000, 1)
    assert soundfile.info(io.BytesIO(without_xing(whole))).frames < len(noise) / 2


def test_cut_off_mp3_without_a_length_cannot_be_noticed(tmp_path: Path) -> None:
    content = without_xing(encode(48_000, 1)[1])
    path = tmp_path / "a.mp3"
    path.write_bytes(content[: len(content) // 2])
    assert 1.2 < read_audio(path).seconds < 1.8


def test_cut_off_mp3_whose_header_counts_frames_but_no_bytes(tmp_path: Path) -> None:
    content = bytearray(encode(48_000, 1)[1])
    tag = content.index(b"Xing")
    content[tag + 12 : tag + 16] = bytes(4)
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    assert read_audio(path).seconds == 3.0
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"its MP3 header declares 144000 samples, \d+ could be decoded"):
        read_audio(path)
