"""Sound in blocks: the same samples as at once, whatever the format and the rates."""

import io
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import Audio, Shape, Track, read_audio, resample, resample_stream, shape_of, stream_audio
from asr.errors import AudioError
from asr.sound_file import _Mended, _view

FORMATS = [
    ("WAV", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
def test_blocks_are_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, subtype: str, channels: int
) -> None:
    monkeypatch.setattr("asr.sound_file._BLOCK", 10_000)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (44_100, channels))
    soundfile.write(tmp_path / "a", noise, 22_050, format=kind, subtype=subtype)
    blocks = list(stream_audio(tmp_path / "a"))
    assert len(blocks) >= 5
    assert {block.sample_rate for block in blocks} == {22_050}
    whole = read_audio(tmp_path / "a").samples
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), whole)


@pytest.mark.parametrize(
    "rates", [(44_100, 16_000), (8_000, 16_000), (48_000, 16_000), (11_025, 8_000), (16_000, 16_000)]
)
@pytest.mark.parametrize("block", [1, 999, 44_100])
def test_resampling_in_blocks_has_the_same_bits(rates: tuple[int, int], block: int) -> None:
    samples = np.random.default_rng(2).standard_normal(20_000).astype(np.float32)
    if block == 1:
        samples = samples[:300]
    blocks = (Audio(samples[at : at + block], rates[0]) for at in range(0, len(samples), block))
    found = np.concatenate(list(resample_stream(blocks, rates[1])))
    np.testing.assert_array_equal(found, resample(samples, *rates))


def test_what_is_wrong_is_found_when_it_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.sound_file._BLOCK", 1000)
    samples = np.zeros(5000, np.float32)
    samples[3500] = np.inf
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    blocks = stream_audio(tmp_path / "a.wav")
    assert [len(next(blocks).samples) for _ in range(3)] == [1000] * 3
    with pytest.raises(AudioError, match="sample 3500 is not a finite number"):
        next(blocks)


def test_a_flac_that_is_cut_off_says_so_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.sound_file._BLOCK", 5000)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 40_000)
    soundfile.write(tmp_path / "a.flac", noise, 8000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    heard = 0
    with pytest.raises(AudioError, match="cut off"):
        for block in stream_audio(tmp_path / "a.flac"):
            heard += len(block.samples)
    assert 5000 <= heard <= 20_000


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        next(stream_audio(tmp_path / "gone.wav"))


@given(
    st.binary(min_size=1, max_size=40),
    st.integers(0, 40),
    st.integers(0, 8),
    st.binary(max_size=12),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=8),
)
def test_a_mended_file_is_as_if_it_were_on_disk(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    begin: int,
    length: int,
    replacement: bytes,
    reads: list[tuple[int, int]],
) -> None:
    """Against a copy in memory: every read from every place."""
    begin = min(begin, len(content))
    place = slice(begin, min(begin + length, len(content)))
    path = tmp_path_factory.getbasetemp() / "mended"
    path.write_bytes(content)
    copy = bytearray(content)
    copy[place] = replacement
    with path.open("rb", buffering=0) as stream:
        mended = io.BufferedReader(_Mended(stream, place, replacement), buffer_size=4)
        assert mended.seek(0, io.SEEK_END) == len(copy)
        for at, count in reads:
            mended.seek(at)
            assert mended.read(count) == bytes(copy[at : at + count])
        mended.seek(0)
        assert mended.read() == bytes(copy)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "W64", "RF64", "CAF", "AU"])
def test_a_damaged_stream_is_the_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Headers that lie send libsndfile anywhere, also before the beginning: the error is that of the file on disk, and
    nothing is printed."""
    printed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    good = io.BytesIO()
    soundfile.write(good, 0.1 * np.sin(np.arange(30_000) / 9), 8_000, format=kind, subtype="PCM_16")
    draw = random.Random(3)
    path = tmp_path / "damaged"
    faults = 0
    for number in range(300):
        content = bytearray(good.getvalue())
        if number % 2:
            for place in draw.sample(range(120), 3):
                content[place] = draw.choice((0, 127, 128, 255, draw.randrange(256)))
        else:  # a size of 64 bits
            place = draw.randrange(4, 112)
            content[place : place + 8] = draw.choice(
                (b"\x7f" + b"\xff" * 7, b"\xff" * 7 + b"\x7f", draw.randbytes(8))
            )
        path.write_bytes(content)
        on_disk, streamed = (heard(source) for source in (path, io.BytesIO(content)))
        assert streamed == on_disk
        faults += isinstance(on_disk, str)
    assert faults > 30
    assert printed == []


def heard(source: Path | io.BytesIO) -> list[tuple[int, bytes]] | str:
    """All of it, or what is wrong with it, whatever its name."""
    try:
        return [(block.sample_rate, block.samples.tobytes()) for block in stream_audio(source)]
    except AudioError as error:
        return str(error).removeprefix(str(source)).removeprefix("the stream")


@pytest.mark.parametrize(
    ("offset", "whence"), [(-5, 0), (-100_000, 1), (-50_001, 2), (1 << 63, 0), (1 << 63, 2)]
)
def test_a_view_stays_where_no_place_can_be(offset: int, whence: int) -> None:
    view = _view(io.BytesIO(bytes(range(256)) * 195), "a")
    assert view.read(10) == bytes(range(10))
    assert view.seek(offset, whence) == view.tell() == 10
    assert view.read(2) == bytes([10, 11])
    assert view.seek(1 << 62) == 1 << 62
    assert view.read(2) == b""


class Forward(io.BytesIO):
    """A pipe."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize(("kind", "subtype"), [*FORMATS, ("OGG", "OPUS"), ("WAV", "FLOAT")])
def test_a_stream_is_what_the_file_is(tmp_path: Path, kind: str, subtype: str) -> None:
    """In memory, buffered, and where temporary files spill: the same samples, and the stream stays open."""
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (24_000, 2))
    soundfile.write(tmp_path / "a", noise, 24_000, format=kind, subtype=subtype)
    content = (tmp_path / "a").read_bytes()
    whole = read_audio(tmp_path / "a").samples
    with tempfile.SpooledTemporaryFile(100) as spooled, (tmp_path / "a").open("rb") as opened:
        spooled.write(content)
        for stream in (io.BytesIO(content), opened, spooled):
            stream.seek(7)  # whatever was read before
            blocks = [block.samples for block in stream_audio(stream)]
            np.testing.assert_array_equal(np.concatenate(blocks), whole)
            assert not stream.closed
    assert shape_of(io.BytesIO(content)).channels == 2
    cut = io.BytesIO(content[: len(content) * 2 // 3])
    if kind != "MP3":  # libsndfile writes no length
        with pytest.raises(AudioError, match=r"^the stream: cut off"):
            list(stream_audio(cut))
    with pytest.raises(AudioError, match=r"^talk\.mp3: empty"):
        next(stream_audio(Track(io.BytesIO(b""), name="talk.mp3")))


def test_what_is_no_stream_of_sound() -> None:
    with pytest.raises(
        AudioError, match="the stream: not audio in a format that can be read, it begins with b'abc'"
    ):
        next(stream_audio(io.BytesIO(b"abc")))
    for stream in (Forward(b"RIFF"), io.StringIO("RIFF")):
        with pytest.raises(ValueError, match="expected a binary stream that can seek"):
            next(stream_audio(stream))  # type: ignore[arg-type]


def test_a_name_says_nothing(tmp_path: Path) -> None:
    """libsndfile would take a stream that is called so for samples without a header."""
    stream = io.BytesIO(b"abc" * 100)
    stream.name = "talk.raw"
    with pytest.raises(AudioError, match="not audio"):
        next(stream_audio(stream))


def test_one_channel(tmp_path: Path) -> None:
    pair = np.random.default_rng(3).integers(-9000, 9000, (5000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", pair, 8000)
    for channel in (1, 2):
        found = np.concatenate([block.samples for block in stream_audio(Track(tmp_path / "a.wav", channel))])
        np.testing.assert_array_equal(found, (pair[:, channel - 1] / 32768).astype(np.float32))
    assert shape_of(tmp_path / "a.wav") == Shape(2, 8000, 0.625)
    for channel in (0, 3):
        with pytest.raises(AudioError, match=f"there is no channel {channel}; it has 2"):
            next(stream_audio(tmp_path / "a.wav", channel))
