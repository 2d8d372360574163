"""A corpus of several archives: which of them are wanted, and where each is."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from asr.corpora.archive import unpack
from asr.corpora.download import fetch
from asr.corpora.reading import DEPTH, Part, Progress, Reader, Splits, subfolders
from asr.errors import CorpusError
from asr.files import sha256_file
from asr.manifest import Utterance


def chosen_parts(reader: Reader, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those that are named, or the usual ones; in the order of the reader.

    Raises:
        CorpusError: a name that the corpus does not have, parts of a corpus that has none, or none where one must be
            named.
    """
    known = ", ".join(reader.parts)
    if wanted and not reader.parts:
        raise CorpusError(f"{reader.name}: has no parts to choose from; leave corpus.parts out")
    if strange := [name for name in wanted if name not in reader.parts]:
        raise CorpusError(f"{reader.name}: has no part {strange[0]!r}; its parts are {known}")
    if reader.parts and not (wanted or reader.usual_parts):
        raise CorpusError(f"{reader.name}: say which part with corpus.parts: {known}")
    return tuple(name for name in reader.parts if name in (wanted or reader.usual_parts))


def read_parts(
    reader: Reader, names: Sequence[str], source: Path | None, cache: Path, progress: Progress
) -> Splits:
    """What the parts say, put together split by split.

    Args:
        source: folder with the folders of the parts in it, or with their archives; None: they are downloaded.
        cache: for what is downloaded and unpacked.

    Raises:
        CorpusError: a part is not there, or together they lack training or test data.
    """
    if source is not None and not source.is_dir():
        raise CorpusError(
            f"{source}: {reader.name} has several archives; name the folder in which they are, or their unpacked "
            f"folders; expected {reader.layout}"
        )
    found: dict[str, list[Utterance]] = {}
    for name in names:
        folder = _folder_of(reader, name, source, cache, progress)
        for split, utterances in reader.read(folder).items():
            found.setdefault(split, []).extend(utterances)
    if missing := {"train", "test"} - found.keys():
        raise CorpusError(
            f"{reader.name}: {', '.join(names)} have no {' and no '.join(sorted(missing))} data; name more parts with "
            f"corpus.parts, of {', '.join(reader.parts)}"
        )
    return found


def _folder_of(reader: Reader, name: str, source: Path | None, cache: Path, progress: Progress) -> Path:
    """The folder of one part, which is downloaded and unpacked as need be."""
    part = reader.parts[name]

    def unpacked(archive: Path) -> Path:
        target = cache / f"{reader.name}-{sha256_file(archive)[:12]}"
        found = _find(part, unpack(archive, target, progress))
        if found is None:
            raise CorpusError(f"{archive}: there is no folder {part.folder} in it; fetch it again")
        return found

    if source is None:
        return fetch(part.source, cache, progress, unpacked)
    if folder := _find(part, source):
        return folder
    archive = source / part.source.archive
    if archive.is_file():
        return unpacked(archive)
    raise CorpusError(
        f"{source}: the part {name} of {reader.name} is not there: neither a folder {part.folder} nor {archive.name}; "
        f"which parts are used is said with corpus.parts, of {', '.join(reader.parts)}"
    )


def _find(part: Part, given: Path) -> Path | None:
    """The folder of a part at or up to two levels below `given`; None: it is not there."""
    level = [given]
    for _ in range(DEPTH + 1):
        for folder in level:
            if fnmatchcase(folder.resolve().name, part.folder):
                return folder.resolve()
        level = [sub for folder in level for sub in subfolders(folder)]
    return None
