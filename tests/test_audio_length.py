"""Broken files: each gives one AudioError that says what was found; none is read in part without a word."""

import errno
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio import read_audio, read_pcm16
from asr.audio_length import find_extent
from asr.errors import AudioError

CODINGS = {
    "WAV": ("WAV", "PCM_16"),
    "WAV float": ("WAV", "FLOAT"),
    "WAVEX": ("WAVEX", "PCM_24"),
    "RF64": ("RF64", "PCM_16"),
    "W64": ("W64", "PCM_16"),
    "AIFF": ("AIFF", "PCM_16"),
    "AU": ("AU", "PCM_16"),
    "SPHERE": ("NIST", "PCM_16"),
    "FLAC": ("FLAC", "PCM_16"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
    "OGG": ("OGG", "VORBIS"),
    "Opus": ("OGG", "OPUS"),
}
RATE = 48_000
SAMPLES = (np.random.default_rng(0).standard_normal(3 * RATE) / 10).astype(np.float32)


def encode(coding: str, samples: np.ndarray = SAMPLES) -> bytes:
    kind, subtype = CODINGS[coding]
    stream = io.BytesIO()
    soundfile.write(stream, samples, RATE, format=kind, subtype=subtype)
    return stream.getvalue()


WHOLE = {coding: encode(coding) for coding in CODINGS}


def pcm_wav(body: bytes, riff_size: int, data_size: int, after: bytes = b"") -> bytes:
    return (
        struct.pack("<4sI4s4sIHHIIHH", b"RIFF", riff_size, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
        + struct.pack("<4sI", b"data", data_size)
        + body
        + after
    )


BODY = np.arange(1000, dtype="<i2").tobytes()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_cut_in_the_middle(coding: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / "half.sound"
    path.write_bytes(WHOLE[coding][: int(len(WHOLE[coding]) * share)])
    for read in (read_audio, read_pcm16):
        with pytest.raises(
            AudioError, match=r"half\.sound: cut off.*; get the file again .* or leave it out"
        ):
            read(path)


@pytest.mark.parametrize("coding", sorted(set(CODINGS) - {"WAVEX", "MP3"}))
def test_the_last_two_bytes_missing(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(WHOLE[coding][:-2])
    if coding == "FLAC":
        path.write_bytes(WHOLE[coding][:-4])  # its last two bytes are only a checksum
    with pytest.raises(AudioError, match="cut off"):
        read_audio(path)


@pytest.mark.parametrize("coding", ["OGG", "Opus"])
def test_ogg_cut_between_two_pages(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(WHOLE[coding][: WHOLE[coding].rindex(b"OggS")])
    with pytest.raises(AudioError, match="cut off: its last Ogg page is incomplete or has no end mark"):
        read_audio(path)


@pytest.mark.parametrize("coding", sorted(set(CODINGS) - {"FLAC"}))
def test_even_a_part_that_is_there_is_not_read_from_a_cut_off_file(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(WHOLE[coding][: len(WHOLE[coding]) // 2])
    with pytest.raises(AudioError, match="cut off"):
        read_audio(path, duration=0.1)


def test_what_is_missing_is_told_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm_wav(BODY, 36 + 2000, 2000)[:-700])
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert str(caught.value) == (
        f"{path}: cut off: its WAV header declares 2000 bytes of sound, 1300 are there; "
        "get the file again from where it came from, or leave it out"
    )


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [
        (0xFFFF_FFFF, 0xFFFF_FFFF),  # ffmpeg into a pipe
        (0x7FFF_F024, 0x7FFF_F000),  # sox into a pipe
        (0x8000_0024, 0x8000_0000),
        (0, 0),  # a recorder that was killed
        (36, 0),  # the same, where the header was written first
        (0xFFFF_FFFF, 0),
    ],
)
def test_wav_written_into_a_pipe(riff_size: int, data_size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm_wav(BODY, riff_size, data_size))
    samples, rate = read_pcm16(path)
    assert rate == 8000
    np.testing.assert_array_equal(samples[:, 0], np.arange(1000))
    np.testing.assert_array_equal(read_pcm16(path, offset=0.1, duration=0.01)[0][:, 0], np.arange(800, 880))


def test_wav_with_chunks_after_the_sound(tmp_path: Path) -> None:
    after = struct.pack("<4sI4s", b"LIST", 4, b"INFO")
    path = tmp_path / "a.wav"
    path.write_bytes(pcm_wav(BODY, 36 + 2000 + 12, 2000, after))
    np.testing.assert_array_equal(read_pcm16(path)[0][:, 0], np.arange(1000))
    path.write_bytes(pcm_wav(b"", 36 + 12, 0, after))  # no sound; the chunk must not become some
    with pytest.raises(AudioError, match=r"a\.wav: no samples"):
        read_pcm16(path)


# libsndfile writes no bytes at all as an empty FLAC or MP3, and an empty Opus file without an end mark.
@pytest.mark.parametrize("coding", sorted(set(CODINGS) - {"FLAC", "MP3", "Opus"}))
def test_no_samples(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "none"
    path.write_bytes(encode(coding, np.zeros(0, np.float32)))
    with pytest.raises(AudioError, match=r"none: no samples \(0 frames of \w+\); leave it out"):
        read_audio(path)


def test_flac_that_is_damaged(tmp_path: Path) -> None:
    content = bytearray(WHOLE["FLAC"])
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "a.flac"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.flac: cut off or damaged: decoding its FLAC failed"):
        read_audio(path)


def test_flac_without_a_length(tmp_path: Path) -> None:
    content = bytearray(WHOLE["FLAC"])
    content[21] &= 0xF0  # the 36 bits in STREAMINFO that count the samples
    content[22:26] = bytes(4)
    path = tmp_path / "a.flac"
    path.write_bytes(content)
    with pytest.raises(
        AudioError, match=r"a\.flac: its FLAC header does not say how long it is .* write it again"
    ):
        read_audio(path)


def test_sphere_compressed_with_shorten(tmp_path: Path) -> None:
    content = WHOLE["SPHERE"].replace(
        b"sample_coding -s3 pcm\n", b"sample_coding -s26 pcm,embedded-shorten-v2.00\n"
    )
    path = tmp_path / "a.sph"
    path.write_bytes(content[:1024].rstrip(b" ").ljust(1024) + content[1024:])
    with pytest.raises(
        AudioError, match=r"a\.sph: a SPHERE \(pcm,embedded-shorten-v2\.00\) file, whose compression"
    ):
        read_audio(path)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw", "a.vox", "a.flac", "a"])
def test_text_that_is_called_sound(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("hello world, this is no sound\n" * 1000)
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert str(caught.value) == (
        f"{path}: not audio in a format that can be read, it begins with b'hello world,'; "
        "convert it to WAV, FLAC, MP3, OGG, Opus, AIFF or SPHERE"
    )


def test_no_file_of_that_kind(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"missing\.wav: no such file; check the path"):
        read_audio(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match=r"is a folder; give an audio file"):
        read_audio(tmp_path)
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(AudioError, match=r"empty\.wav: the file is empty \(0 bytes\)"):
        read_audio(tmp_path / "empty.wav")
    with pytest.raises(AudioError, match="cannot be opened"):
        read_audio(tmp_path / "empty.wav" / "below.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match=r"pipe\.wav: is no regular file"):
        read_audio(tmp_path / "pipe.wav")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:  # root may read every file, so permissions would not do
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "a.wav"
    path.write_bytes(WHOLE["WAV"])
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        AudioError, match=r"a\.wav: cannot be opened \(Permission denied\); check its permissions"
    ):
        read_audio(path)


@pytest.mark.parametrize("coding", sorted(CODINGS))
def test_offset_past_the_end(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(WHOLE[coding])
    assert read_audio(path, offset=2.9).seconds == pytest.approx(0.1)
    for offset in (3.0, 3.5):
        with pytest.raises(AudioError, match=f"offset {offset:g} s is past the end; the file has 3 s"):
            read_audio(path, offset=offset)


@settings(max_examples=300)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damage_gives_sound_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, coding: str, data: st.DataObject
) -> None:
    """Any cut and any changed bytes in the header: never another exception, never memory without end."""
    content = bytearray(WHOLE[coding])
    for place in data.draw(st.lists(st.integers(0, 120), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(1, len(content))) :]
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    try:
        audio = read_audio(path)
    except AudioError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert len(audio.samples) > 0
        assert np.isfinite(audio.samples).all()


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"RIFF", b"FORM", b".snd", b"NIST_1A\n", b"OggS\0", b"ID3"]),
)
def test_any_bytes_have_some_extent(content: bytes, start: bytes) -> None:
    find_extent(io.BytesIO(start + content))
