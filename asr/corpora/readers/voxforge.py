"""VoxForge: sentences that volunteers read at home and sent in, here those of 16 kHz.

WAV or FLAC, 16 bits, mostly mono; English has some thousands of sessions with about ten recordings each, and other
languages have their own. It grew over years, so everybody has another state of it: the lock file lies beside the
sessions.

- the corpus has no split of its own; here a speaker is of test where the first byte of the SHA-256 of the name is
  below 13, which is one in twenty
- licence: GPL
- address: http://www.repository.voxforge1.org/downloads/SpeechCorpus/Trunk/Audio/Main/16kHz_16bit, an archive a
  session, so nothing is downloaded here; unpack them all into one folder

A session is a folder SPEAKER-DATE-SUFFIX with etc/PROMPTS, whose lines are a path ending in the recording's name, and
the words. Sessions of "anonymous" are of many people: each counts as a speaker. Traps: prompts without recordings,
recordings without prompts, and sessions without etc/PROMPTS are passed over; most prompts are upper-case, some are
not, and some have punctuation and hyphens, which stay.
"""

import hashlib
import re
from pathlib import Path

from asr.corpora.reading import Reader, Splits, audio_files
from asr.errors import CorpusError
from asr.manifest import Utterance

LAYOUT = (
    "SPEAKER-DATE-SUFFIX/{wav,flac}/NAME.wav and SPEAKER-DATE-SUFFIX/etc/PROMPTS, many of them in one folder"
)
SESSION = re.compile(r"(?P<speaker>.+?)-\d{8,}.*")
TEST_BELOW = 13  # of 256


def read(folder: Path) -> Splits:
    """Session after session in the order of their names."""
    splits: dict[str, list[Utterance]] = {"train": [], "test": []}
    for prompts in sorted(folder.glob("*/etc/PROMPTS")):
        session = prompts.parent.parent
        speaker = speaker_of(session.name)
        sounds: dict[str, Path] = {}
        for kind in ("flac", "wav"):
            if (session / kind).is_dir():
                sounds |= audio_files(session / kind)
        for name, text in _prompts(prompts):
            if name in sounds:
                utterance = Utterance(f"{session.name}/{name}", str(sounds[name]), 0.0, text, speaker=speaker)
                splits["test" if is_test(speaker) else "train"].append(utterance)
    return splits


def speaker_of(session: str) -> str:
    """Of SPEAKER-DATE-SUFFIX; of an anonymous session, and of one with another name, the whole name."""
    found = SESSION.fullmatch(session)
    return session if found is None or found["speaker"].lower().startswith("anonymous") else found["speaker"]


def is_test(speaker: str) -> bool:
    return hashlib.sha256(speaker.encode()).digest()[0] < TEST_BELOW


def _prompts(path: Path) -> list[tuple[str, str]]:
    """Name and words of each line. Some sessions are not in UTF-8: those of western Europe are read all the same."""
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: not a readable file ({error.strerror})") from None
    try:
        text = contents.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = contents.decode("cp1252", errors="replace")
    found = []
    for line in text.splitlines():
        fields = line.split(maxsplit=1)
        if len(fields) == 2:
            found.append((fields[0].rpartition("/")[2], " ".join(fields[1].split())))
    return found


READER = Reader(
    name="voxforge",
    title="VoxForge, 16 kHz",
    licence="GPL",
    layout=LAYOUT,
    marker="*/etc/PROMPTS",
    read=read,
    lock_beside="corpus.lock.json",
    obtain="http://www.repository.voxforge1.org, an archive a session",
)
