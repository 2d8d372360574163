"""What libsndfile does not read: M4A, WebM, AMR, videos, written here by PyAV and compared with what went in."""

import io
import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from asr.audio import Shape, Track, read_audio, shape_of, stream_audio
from asr.audio_length import find_extent
from asr.errors import AudioError
from asr.media_file import MediaSound

SECONDS = 2.5


def tone(rate: int, channels: int = 1, seconds: float = SECONDS) -> np.ndarray:
    """(channels, samples): 440 Hz, in the next channel twice that, that begins after a tenth of a second."""
    time = np.arange(round(seconds * rate)) / rate
    waves = [0.3 * np.sin(2 * np.pi * 440 * 2**channel * time) * (time > 0.1) for channel in range(channels)]
    return np.array(waves, np.float32)


def media(
    folder: Path,
    container: str,
    codec: str,
    rate: int,
    *,
    samples: np.ndarray | None = None,
    begin: float = 0.0,
    video: bool = False,
    **options: str,
) -> bytes:
    """A file of such a container; with `begin` its sound begins later than the file."""
    sound = tone(rate) if samples is None else samples
    layout = {1: "mono", 2: "stereo"}[len(sound)]
    with av.open(str(folder / "made"), "w", format=container, options=options) as out:
        if video:
            pictures = out.add_stream("mpeg4", rate=10)
            pictures.width = pictures.height = 32
            pictures.pix_fmt = "yuv420p"
        stream = out.add_stream(codec, rate=rate)
        stream.layout = layout
        form, size = stream.codec_context.format.name, stream.codec_context.frame_size
        whole = av.AudioFrame.from_ndarray(sound, format="fltp", layout=layout)
        whole.sample_rate, whole.pts = rate, 0
        resampler = av.AudioResampler(format=form, layout=layout, rate=rate, frame_size=size or 0)
        for number in range(round(10 * (SECONDS + begin)) if video else 0):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number, np.uint8), format="rgb24")
            picture.pts = number
            out.mux(pictures.encode(picture))
        if video:
            out.mux(pictures.encode(None))
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            frame.pts += round(begin * rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return (folder / "made").read_bytes()


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Of what is common, without the edges: relative to the sound."""
    least = min(len(found), len(expected))
    inside = slice(least // 10, least - least // 10)
    difference = found[:least][inside] - expected[:least][inside]
    return float(np.sqrt((difference**2).mean() / (expected[inside] ** 2).mean()))


# Container, codec, rate; seconds that may be too many where the container does not say where padding begins.
WHOLE = [
    ("ipod", "aac", 16_000, 0.001),
    ("ipod", "alac", 16_000, 0.0),
    ("mp4", "aac", 44_100, 0.001),
    ("mov", "aac", 48_000, 0.001),
    ("webm", "libopus", 48_000, 0.0),
    ("matroska", "libopus", 48_000, 0.0),
]


@pytest.mark.parametrize(("container", "codec", "rate", "more"), WHOLE)
def test_sample_for_sample(tmp_path: Path, container: str, codec: str, rate: int, more: float) -> None:
    """Not only the length: what encoders put before the sound is gone, so the tone is where it was."""
    content = media(tmp_path, container, codec, rate)
    found = read_audio(tmp_path / "made")
    assert found.sample_rate == rate
    assert abs(found.seconds - SECONDS) <= more + 1e-9
    assert error(found.samples, tone(rate)[0]) < 0.05
    blocks = [block.samples for block in stream_audio(io.BytesIO(content))]
    np.testing.assert_array_equal(np.concatenate(blocks), found.samples)
    part = read_audio(tmp_path / "made", offset=0.5, duration=0.25)
    np.testing.assert_array_equal(part.samples, found.samples[rate // 2 : rate // 2 + rate // 4])


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [("adts", "aac", 16_000), ("amr", "libopencore_amrnb", 8000)]
)
def test_without_a_container(tmp_path: Path, container: str, codec: str, rate: int) -> None:
    """Padding of a frame or two stays: nothing says how much there is."""
    media(tmp_path, container, codec, rate)
    found = read_audio(tmp_path / "made")
    assert found.sample_rate == rate
    assert 0 <= found.seconds - SECONDS < 0.2
    loud = np.abs(found.samples) > 0.05
    assert 0.05 < loud.argmax() / rate < 0.3


def test_blocks_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.sound_file._BLOCK", 5000)
    media(tmp_path, "ipod", "alac", 16_000)
    lengths = [len(block.samples) for block in stream_audio(tmp_path / "made")]
    assert lengths == [5000] * 8
    np.testing.assert_allclose(read_audio(tmp_path / "made").samples, tone(16_000)[0], atol=1e-4)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "libopus")])
def test_channels(tmp_path: Path, container: str, codec: str) -> None:
    two = tone(48_000, 2)
    content = media(tmp_path, container, codec, 48_000, samples=two)
    shape = shape_of(tmp_path / "made")
    assert (shape.channels, shape.sample_rate) == (2, 48_000)
    assert shape.seconds == pytest.approx(SECONDS, abs=0.03)
    for channel in (1, 2):
        found = np.concatenate([block.samples for block in stream_audio(io.BytesIO(content), channel)])
        assert error(found, two[channel - 1]) < 0.05
    with pytest.raises(AudioError, match=r"^call: there is no channel 3; it has 2$"):
        next(stream_audio(Track(io.BytesIO(content), 3, "call")))


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "libopus")])
def test_sound_of_a_video_that_begins_late(tmp_path: Path, container: str, codec: str) -> None:
    """Times are those of the film."""
    media(tmp_path, container, codec, 48_000, begin=0.75, video=True)
    found = read_audio(tmp_path / "made")
    assert found.seconds == pytest.approx(SECONDS + 0.75, abs=0.03)
    assert not found.samples[: round(0.74 * 48_000)].any()
    assert (np.abs(found.samples) > 0.1).argmax() / 48_000 == pytest.approx(0.85, abs=0.01)


def test_a_video_without_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "made"), "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    with pytest.raises(AudioError, match="this MP4 file holds no sound"):
        read_audio(tmp_path / "made")


def test_samples_of_64_bits(tmp_path: Path) -> None:
    """PyAV decodes them and has no array for them."""
    sound = np.arange(800, dtype="<i8").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, 8_000, 64_000, 8, 64)
    chunks = (
        b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(sound)) + sound
    )
    path = tmp_path / "made.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    for source in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(AudioError):
            list(stream_audio(source))
    says = r"of a form that cannot be read \(s64\); convert it to WAV of 16 bits"
    with path.open("rb") as file, pytest.raises(AudioError, match=says):
        MediaSound(file, "WAV", "made.wav")


CUT = [
    ("ipod", "aac", {}),
    ("ipod", "aac", {"movflags": "faststart"}),
    ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    ("webm", "libopus", {}),
]


@pytest.mark.parametrize(("container", "codec", "options"), CUT)
def test_cut_off_anywhere(tmp_path: Path, container: str, codec: str, options: dict[str, str]) -> None:
    """Every one of 60 places, in memory and with the last byte missing."""
    content = media(tmp_path, container, codec, 48_000, **options)
    assert not find_extent(io.BytesIO(content)).cut_off
    for end in [*range(200, len(content), len(content) // 60), len(content) - 1]:
        with pytest.raises(AudioError, match="cut off|cut-off"):
            list(stream_audio(io.BytesIO(content[:end])))


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [("adts", "aac", 16_000), ("amr", "libopencore_amrnb", 8000)]
)
def test_cut_off_within_a_frame(tmp_path: Path, container: str, codec: str, rate: int) -> None:
    content = media(tmp_path, container, codec, rate)
    with pytest.raises(AudioError, match="cut-off"):
        list(stream_audio(io.BytesIO(content[:-3])))


def test_what_a_browser_records(tmp_path: Path) -> None:
    """WebM that was written as it came: no length anywhere, so it is read to its end."""
    content = media(tmp_path, "webm", "libopus", 48_000, live="1")
    assert shape_of(io.BytesIO(content)) == Shape(1, 48_000, None)
    found = np.concatenate([block.samples for block in stream_audio(io.BytesIO(content))])
    assert len(found) == round(SECONDS * 48_000)


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [case[:3] for case in WHOLE] + [("adts", "aac", 16_000)]
)
def test_damaged_in_many_ways(tmp_path: Path, container: str, codec: str, rate: int) -> None:
    """It is read or refused; nothing else comes out of the library, and the samples are finite."""
    content = media(tmp_path, container, codec, rate, samples=tone(rate, 1, 0.5))
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        damaged = bytearray(content)
        for place in draw.integers(0, len(content), 12):
            damaged[place] = draw.integers(256)
        try:
            for block in stream_audio(io.BytesIO(bytes(damaged))):
                assert np.isfinite(block.samples).all()
        except AudioError:
            refused += 1
    assert refused


def test_a_playlist_is_no_sound(tmp_path: Path) -> None:
    """FFmpeg would open what it names."""
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match="not audio in a format that can be read"):
        read_audio(tmp_path / "list.m3u8")


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media(tmp_path, "ipod", "aac", 16_000)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError) as caught:
        read_audio(tmp_path / "made")
    assert str(caught.value) == (
        f"{tmp_path / 'made'}: MP4 is read by the extra `media`: pip install 'attest-asr[media]'; "
        "or convert the file to WAV or FLAC"
    )
