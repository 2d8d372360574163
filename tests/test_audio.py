import itertools
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import Audio, read_audio, read_pcm16, resample
from asr.errors import AudioError

# What a tone of amplitude 0.5 may lose on its way through the coding; integers are cut off, not rounded.
FORMATS = {
    "wav-8": ("WAV", "PCM_U8", 1 / 128),
    "wav-16": ("WAV", "PCM_16", 1 / 32768),
    "wav-24": ("WAV", "PCM_24", 2e-7),
    "wav-32": ("WAV", "PCM_32", 1e-7),
    "wav-float": ("WAV", "FLOAT", 0),
    "wav-double": ("WAV", "DOUBLE", 0),
    "wav-ulaw": ("WAV", "ULAW", 0.02),
    "wavex-24": ("WAVEX", "PCM_24", 2e-7),
    "rf64-16": ("RF64", "PCM_16", 1 / 32768),
    "w64-16": ("W64", "PCM_16", 1 / 32768),
    "flac-8": ("FLAC", "PCM_S8", 1 / 128),
    "flac-16": ("FLAC", "PCM_16", 1 / 32768),
    "flac-24": ("FLAC", "PCM_24", 2e-7),
    "aiff-16": ("AIFF", "PCM_16", 1 / 32768),
    "aiff-float": ("AIFF", "FLOAT", 0),
    "au-16": ("AU", "PCM_16", 1 / 32768),
    "sphere-16": ("NIST", "PCM_16", 1 / 32768),
    "mp3": ("MP3", "MPEG_LAYER_III", 0.06),
    "ogg": ("OGG", "VORBIS", 0.05),
    "opus": ("OGG", "OPUS", 0.2),
}


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def integers(samples: int = 4000, channels: int = 1, seed: int = 0) -> np.ndarray:
    """All of the 16-bit range, both ends included."""
    drawn = np.random.default_rng(seed).integers(-32768, 32768, (samples, channels), dtype=np.int16)
    drawn[:2] = [[-32768], [32767]]
    return drawn


def write(
    path: Path, samples: np.ndarray, rate: int, kind: str = "WAV", subtype: str | None = "PCM_16"
) -> Path:
    soundfile.write(path, samples, rate, format=kind, subtype=subtype)
    return path


def write_sphere(path: Path, samples: np.ndarray, rate: int, byte_order: str = "01") -> Path:
    """By hand, after the NIST definition: a text header of 1024 bytes, then the samples."""
    lines = [
        "NIST_1A",
        "   1024",
        f"sample_count -i {len(samples)}",
        f"sample_rate -i {rate}",
        "sample_n_bytes -i 2",
        f"sample_byte_format -s2 {byte_order}",
        f"channel_count -i {samples.shape[1]}",
        "sample_coding -s3 pcm",
        "end_head",
    ]
    header = ("\n".join(lines) + "\n").encode().ljust(1024)
    path.write_bytes(header + samples.astype("<i2" if byte_order == "01" else ">i2").tobytes())
    return path


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        (name, rate)
        for name in FORMATS
        for rate in (8_000, 16_000, 44_100, 48_000)
        if (name, rate) != ("opus", 44_100)  # which Opus does not know
    ],
)
def test_every_format_and_rate_gives_the_tone_back(name: str, rate: int, tmp_path: Path) -> None:
    kind, subtype, tolerance = FORMATS[name]
    samples = tone(rate)
    audio = read_audio(write(tmp_path / "tone", samples, rate, kind, subtype))
    assert audio.sample_rate == rate
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == samples.shape
    assert audio.seconds == 1.0
    middle = slice(rate // 4, -rate // 4)  # lossy codings ring at the ends
    assert np.abs(audio.samples - samples)[middle].max() <= tolerance


def test_16_bit_samples_are_exactly_integers_over_32768(tmp_path: Path) -> None:
    given_integers = integers()
    audio = read_audio(write(tmp_path / "a.wav", given_integers, 16_000))
    np.testing.assert_array_equal(audio.samples, given_integers[:, 0] / np.float32(32768))
    assert audio.samples[0] == -1.0


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_wav_flac_and_sphere_copies_have_the_same_integers(channels: int, tmp_path: Path) -> None:
    samples = integers(channels=channels)
    copies = [
        write(tmp_path / "a.wav", samples, 16_000),
        write(tmp_path / "a.flac", samples, 16_000, "FLAC"),
        write(tmp_path / "a.aiff", samples, 16_000, "AIFF"),
        write(tmp_path / "a.w64", samples, 16_000, "W64"),
        write_sphere(tmp_path / "little.sph", samples, 16_000, "01"),
        write_sphere(tmp_path / "big.sph", samples, 16_000, "10"),
    ]
    for copy in copies:
        read, rate = read_pcm16(copy)
        assert (rate, read.dtype, read.shape) == (16_000, np.int16, (4000, channels)), copy.name
        np.testing.assert_array_equal(read, samples, err_msg=copy.name)


def test_8_bit_integers_are_times_256(tmp_path: Path) -> None:
    # Unsigned bytes 0, 127, 128, 255 of an 8-bit WAV are -128, -1, 0, 127.
    body = bytes([0, 127, 128, 255])
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 40, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 4
    )
    (tmp_path / "a.wav").write_bytes(header + body)
    assert read_pcm16(tmp_path / "a.wav")[0][:, 0].tolist() == [-32768, -256, 0, 127 * 256]


def test_24_bit_integers_are_rounded_half_to_even(tmp_path: Path) -> None:
    # In units of the 16-bit step: 1, 1.5, 2.5, 2.5 and a little, -1.5, beyond the top by less than one.
    units = np.array([256, 384, 640, 641, -384, (1 << 23) - 1])
    path = write(tmp_path / "a.wav", (units << 8).astype(np.int32), 8000, subtype="PCM_24")
    assert read_pcm16(path)[0][:, 0].tolist() == [1, 2, 2, 3, -2, 32767]


def test_float_integers_are_clipped(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.wav", np.array([1.0, 1.5, -1.0, -1.5, 0.25], np.float32), 8000, subtype="FLOAT"
    )
    assert read_pcm16(path)[0][:, 0].tolist() == [32767, 32767, -32768, -32768, 8192]


def test_channels_are_averaged(tmp_path: Path) -> None:
    left_right = np.array([[1000, 3000], [-32768, -32768], [1, 2], [32767, -32768]], dtype=np.int16)
    audio = read_audio(write(tmp_path / "a.wav", left_right, 8000))
    assert (audio.samples * 32768).tolist() == [2000, -32768, 1.5, -0.5]


def test_channel_order_does_not_matter(tmp_path: Path) -> None:
    samples = integers(channels=6)
    one = read_audio(write(tmp_path / "a.wav", samples, 8000)).samples
    other = read_audio(write(tmp_path / "b.wav", samples[:, ::-1], 8000)).samples
    np.testing.assert_array_equal(one, other)


def test_parts_join_to_the_whole(tmp_path: Path) -> None:
    samples = integers(8000)
    for kind in ("WAV", "FLAC"):
        path = write(tmp_path / "a", samples, 8000, kind)
        cuts = [0.0, 0.1234, 0.33333, 0.5001, 0.99]
        parts = [read_pcm16(path, offset=a, duration=b - a)[0] for a, b in itertools.pairwise(cuts)]
        parts.append(read_pcm16(path, offset=cuts[-1])[0])
        np.testing.assert_array_equal(np.concatenate(parts), samples)


@pytest.mark.parametrize("name", ["mp3", "ogg", "opus"])
def test_a_part_of_a_lossy_file_is_where_it_should_be(name: str, tmp_path: Path) -> None:
    kind, subtype, _ = FORMATS[name]
    noise = np.random.default_rng(1).standard_normal(48_000 * 3).astype(np.float32) / 10
    path = write(tmp_path / "a", noise, 48_000, kind, subtype)
    whole = read_audio(path).samples
    part = read_audio(path, offset=1.3, duration=0.7).samples
    np.testing.assert_allclose(part, whole[62_400:96_000], atol=1e-6)


def test_a_part_longer_than_the_file_ends_with_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", integers(8000), 8000)
    assert read_audio(path, offset=0.75, duration=10).seconds == 0.25


def test_blocks_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = integers(1000, channels=2)
    path = write(tmp_path / "a.wav", samples, 8000)
    monkeypatch.setattr("asr.sound_file._BLOCK", 100)
    np.testing.assert_array_equal(read_pcm16(path)[0], samples)
    np.testing.assert_array_equal(read_pcm16(path, offset=0.01, duration=0.05)[0], samples[80:480])


def test_the_name_decides_nothing(tmp_path: Path) -> None:
    for name in ("a.mp3", "a.raw", "a.vox", "a", "ü ñ.txt"):
        path = write(tmp_path / name, integers(), 8000, "FLAC")
        np.testing.assert_array_equal(read_pcm16(str(path))[0], integers())


def test_resampling_keeps_a_tone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(44_100), 44_100, subtype="FLOAT")
    audio = read_audio(path, sample_rate=16_000)
    assert audio.sample_rate == 16_000
    assert audio.samples.shape == (16_000,)
    assert np.abs(audio.samples - tone(16_000))[2000:-2000].max() < 1e-4


def test_resampling_removes_what_the_new_rate_cannot_hold() -> None:
    # 6 kHz is above half of 8 kHz: it must vanish, not fold down to 2 kHz.
    assert np.abs(resample(tone(16_000, hertz=6000), 16_000, 8_000)[1000:-1000]).max() < 1e-5


def test_the_same_rate_changes_nothing() -> None:
    samples = integers()[:, 0]
    np.testing.assert_array_equal(resample(samples, 16_000, 16_000), samples.astype(np.float32))


@given(st.integers(0, 3000), st.sampled_from([8000, 11_025, 16_000, 44_100, 48_000]))
def test_resampled_length(count: int, to_rate: int) -> None:
    resampled = resample(np.zeros(count, np.float32), 16_000, to_rate)
    assert resampled.dtype == np.float32
    assert abs(len(resampled) - count * to_rate / 16_000) <= 1


def test_resample_refuses_a_programmers_mistake() -> None:
    with pytest.raises(ValueError, match=r"expected samples of shape \(samples,\), got shape \(3, 2\)"):
        resample(np.zeros((3, 2)), 1, 2)
    with pytest.raises(ValueError, match="must be positive, got 16000 and 0"):
        resample(np.zeros(3), 16_000, 0)


def test_read_refuses_a_programmers_mistake(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", integers(), 8000)
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="offset must be 0 seconds or more"):
            read_audio(path, offset=wrong)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="duration must be more than 0 seconds"):
            read_audio(path, duration=wrong)


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    samples = np.zeros((100, 2), np.float32)
    for value in (np.nan, np.inf, -np.inf):
        samples[42, 1] = value
        path = write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
        with pytest.raises(AudioError, match=r"a\.wav: sample 42 is not a finite number .* leave it out"):
            read_audio(path)
        with pytest.raises(AudioError, match=r"a\.wav: sample 42 is not a finite number"):
            read_audio(path, offset=0.005)
        assert read_audio(path, duration=0.005).samples.tolist() == [0.0] * 40


def test_audio_knows_its_seconds() -> None:
    assert Audio(np.zeros(12_000, np.float32), 8000).seconds == 1.5


def test_an4_integers_are_those_in_the_archive(an4_archive: Path, tmp_path: Path) -> None:
    """The samples of real SPHERE files against the bytes after their headers."""
    seen = 0
    with tarfile.open(an4_archive) as archive:
        for member in archive:
            if not member.name.endswith(".sph"):
                continue
            stream = archive.extractfile(member)
            assert stream is not None
            content = stream.read()
            path = tmp_path / "a.sph"
            path.write_bytes(content)
            assert b"sample_byte_format -s2 01" in content[:1024]
            samples, rate = read_pcm16(path)
            np.testing.assert_array_equal(samples[:, 0], np.frombuffer(content[1024:], "<i2"))
            assert rate == 16_000
            path.write_bytes(content[: len(content) // 2])
            with pytest.raises(AudioError, match="cut off: its SPHERE header declares"):
                read_pcm16(path)
            seen += 1
            if seen == 20:
                break
    assert seen == 20


def test_samples_beyond_all_measure(tmp_path: Path) -> None:
    """Finite, but their energies are not: no model hears anything in them."""
    path = tmp_path / "loud.wav"
    samples = np.zeros(800, np.float32)
    samples[100] = -3e38
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"loud.wav: a sample of 3e\+38, where samples are -1 to 1"):
        read_audio(path)
    samples[100] = 32_767  # whole numbers in a file of floats: seen in the wild, and heard
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    assert read_audio(path).samples.max() == 32_767
