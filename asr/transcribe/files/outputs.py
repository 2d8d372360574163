"""Where transcripts are written: files beside the sound, or in a folder that mirrors where the sound is."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr.errors import AsrError, StorageError
from asr.files import write_text
from asr.transcribe.files.formats import FORMATS, Heard
from asr.transcribe.files.names import STDIN, Named, without_suffix

LONGEST = 240  # bytes in the name of a file: 255 are possible, and while it is written it has some more
# What concerns one file; anything else (a full disk) would befall the next one, too.
_OF_ONE = {errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM}


@dataclass
class Outputs:
    """The files of every input, one a format. What is there already is left as it is, unless `overwrite`."""

    formats: Sequence[str]  # of FORMATS
    folder: Path | None  # None: beside the sound
    overwrite: bool = False
    _claimed: dict[Path, str] = field(default_factory=dict)  # places on the disk, and the input that has each

    def prepare(self) -> None:
        """Before anything is computed.

        Raises:
            StorageError: the folder cannot be made, or not be written to.
        """
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"--output {self.folder}: cannot be made ({error.strerror}); give a folder"
            ) from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise StorageError(f"--output {self.folder}: may not be written to; give another folder")

    def missing(self, named: Named, since: float | None = None) -> dict[str, Path]:
        """The files of an input that are still to be written, by their formats; none: there is nothing to do.

        Args:
            since: seconds since the epoch; files that were written later are held for missing.
        """
        place = self._place(named)
        files = {name: place.with_name(place.name + FORMATS[name].suffix) for name in self.formats}
        return {name: file for name, file in files.items() if self.overwrite or not _is_there(file, since)}

    def claim(self, named: Named) -> dict[str, Path]:
        """As `missing`, and the files are this input's from now on.

        Raises:
            AsrError: they are another input's.
            StorageError: the folder of the sound may not be written to, or a name would be too long.
        """
        place = self._place(named)
        # Whatever the spelling: ./x.wav, x.wav and its absolute path are one file.
        real = Path(os.path.realpath(place.parent), place.name)
        other = self._claimed.get(real)
        if other is not None and os.path.realpath(other) == os.path.realpath(named.path):  # named again
            return {}
        if other is not None:
            elsewhere = Path(other).parent != Path(named.path).parent
            advice = "give their folders instead of them" if elsewhere else "rename one, or leave it out"
            raise AsrError(
                f"{named.path}: its transcript would be {place}{FORMATS[self.formats[0]].suffix}, and so would that of "
                f"{other}; {advice}"
            )
        self._claimed[real] = named.path
        missing = self.missing(named)
        self._refuse_what_cannot_be_written(named.path, missing)
        return missing

    def _refuse_what_cannot_be_written(self, path: str, files: dict[str, Path]) -> None:
        """As far as that is known beforehand."""
        for file in files.values():
            if len(os.fsencode(file.name)) > LONGEST:
                raise StorageError(f"{path}: the name of its transcript, {file.name}, is too long; rename it")
            if self.folder is None and file.parent.is_dir() and not os.access(file.parent, os.W_OK | os.X_OK):
                raise StorageError(f"{path}: its folder may not be written to; give --output FOLDER")

    def write(self, files: dict[str, Path], name: str, heard: Heard) -> None:
        """Each file whole or not at all.

        Raises:
            StorageError: it cannot be written.
        """
        for kind, file in files.items():
            write_text(file, FORMATS[kind].write(name, heard))

    def may_go_on(self, error: StorageError) -> bool:
        """Whether what `write` has raised is about this input's files alone."""
        cause = error.__cause__ or error.__context__
        return isinstance(cause, OSError) and cause.errno in _OF_ONE

    def _place(self, named: Named) -> Path:
        """Without the suffix of a format."""
        if self.folder is not None:
            return self.folder / named.place
        if named.path == STDIN:
            raise AsrError("--beside: there is nothing beside standard input; give --output FOLDER")
        return Path(without_suffix(Path(named.path)))


def _is_there(file: Path, since: float | None) -> bool:
    if since is None:
        return os.path.lexists(file)
    try:
        return file.lstat().st_mtime < since
    except (OSError, ValueError):
        return False
