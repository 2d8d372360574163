"""Some words of AN4's training part as WAV files."""

import tarfile
from pathlib import Path

from asr.audio import read_pcm16


def words_of_an4(archive: Path, folder: Path) -> dict[str, Path]:
    """Text to file; each is about a second long, of two speakers."""
    said = {"stop": "mmap/an46-mmap-b", "repeat": "mcel/an202-mcel-b", "help": "mjda/an175-mjda-b"}
    names = {f"an4/wav/an4_clstk/{name}.sph": text for text, name in said.items()}
    found = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            if (text := names.get(member.name)) is None:
                continue
            stream = packed.extractfile(member)
            assert stream is not None
            sphere = folder / f"{text}.sph"
            sphere.write_bytes(stream.read())
            found[text] = folder / f"{text}.wav"
            _as_wav(sphere, found[text])
            if len(found) == len(said):
                break
    return found


def _as_wav(sphere: Path, wav: Path) -> None:
    import soundfile

    samples, rate = read_pcm16(sphere)
    soundfile.write(wav, samples, rate, subtype="PCM_16")
