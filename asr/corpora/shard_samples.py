"""One sample of a shard: its audio as FLAC, its words, and what else is known of it."""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import quote

from asr.audio import read_pcm16
from asr.errors import AudioError, CorpusError
from asr.manifest import Utterance, audio_digest

RECORD = tarfile.BLOCKSIZE
LONGEST = 90  # characters of a key: with a suffix it fits into the oldest tar header


def encode(utterance: Utterance) -> bytes:
    """FLAC of 16 bits, which decodes to the very samples that the utterance is known by.

    Raises:
        CorpusError: it does not, or cannot be FLAC; names the utterance.
    """
    import soundfile

    try:
        samples, rate = read_pcm16(
            utterance.audio_filepath, offset=utterance.offset, duration=utterance.duration
        )
        stream = io.BytesIO()
        soundfile.write(stream, samples, rate, format="FLAC", subtype="PCM_16")
        written = stream.getvalue()
        again, rate = soundfile.read(io.BytesIO(written), dtype="int16", always_2d=True)
    except AudioError as error:
        raise CorpusError(f"utterance {utterance.id}: {error}") from None
    except (soundfile.LibsndfileError, ValueError) as error:
        raise CorpusError(
            f"utterance {utterance.id}: {utterance.audio_filepath} cannot be written as FLAC ({error}); FLAC takes "
            "up to 8 channels and 655350 Hz"
        ) from None
    if audio_digest(again, rate) != utterance.audio_digest:
        raise CorpusError(
            f"utterance {utterance.id}: {utterance.audio_filepath} has other samples than when the corpus was "
            "prepared; give the command again once nothing writes there"
        )
    return written


def add(tar: tarfile.TarFile, members: Sequence[tuple[str, bytes]]) -> int:
    """Gives back where the contents of the first one begin."""
    place = -1
    for name, contents in members:
        entry = tarfile.TarInfo(name)  # of no time and no owner, so that the same corpus gives the same bytes
        entry.size = len(contents)
        tar.addfile(entry, io.BytesIO(contents))
        place = tar.offset - room(contents) + RECORD if place < 0 else place
    return place


def room(contents: bytes) -> int:
    """Bytes in a tar: a header, and whole records."""
    return RECORD - (-len(contents) // RECORD) * RECORD


def whole(length: int) -> int:
    """Bytes of the whole tar: two empty records at the end, and filled up as tape drives liked it."""
    return -(-(length + 2 * RECORD) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def members_of(utterance: Utterance, audio: bytes) -> list[tuple[str, bytes]]:
    """WebDataset takes for a sample what has the same name up to the first dot."""
    key = key_of(utterance.id)
    tree = {
        name: value for name, value in asdict(utterance).items() if name not in ("audio_filepath", "offset")
    }
    described = json.dumps(tree, ensure_ascii=False, sort_keys=True).encode()
    return [(f"{key}.flac", audio), (f"{key}.json", described), (f"{key}.txt", utterance.text.encode())]


def key_of(name: str) -> str:
    """An id as a file name: letters, digits, - and _ stay, the rest as in an address; other ids have other keys."""
    key = quote(name, safe="").replace(".", "%2E").replace("~", "%7E")
    if len(key) <= LONGEST:
        return key
    return f"{key[: LONGEST - 17]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
