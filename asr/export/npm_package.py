"""A package of npm in the one version that a lock file names by its digest: fetched once, kept in the cache, checked.

It is fetched by npm itself, from whatever registry npm is set to; which one that is does not matter, since the digest
decides. Nothing of it is run here, and no script of the package is.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from asr.corpora.cache import exclusive
from asr.errors import StorageError
from asr.files import whole_file
from asr.frozen import Frozen

PATIENCE = 600.0  # seconds that npm may take
WORDS = 400  # characters of what npm says that are repeated


class NpmPackage(Frozen):
    """What a lock file in data/ names."""

    package: str
    version: str
    integrity: str  # as npm writes it: "sha512-" and the digest of the tarball in base64

    @property
    def name(self) -> str:
        """As npm is asked for it."""
        return f"{self.package}@{self.version}"

    @property
    def file(self) -> str:
        """The tarball, as `npm pack` calls it."""
        return f"{self.package}-{self.version}.tgz"


def read_npm_lock(path: Path) -> NpmPackage:
    """The package that a lock file names."""
    return NpmPackage.model_validate_json(path.read_bytes())


def npm_tarball(wanted: NpmPackage, cache: Path, given: Path | None = None) -> bytes:
    """The bytes of the package, which are those that the lock names, wherever they come from.

    Args:
        cache: a folder in which the tarball is kept.
        given: a tarball made elsewhere by `npm pack`; then npm is not needed.

    Raises:
        StorageError: it cannot be read or fetched, or is another one.
    """
    if given is not None:
        try:
            contents = given.read_bytes()
        except OSError as error:
            raise StorageError(f"{given}: cannot be read: {error.strerror}") from None
        _check(contents, wanted, str(given))
        return contents
    kept = cache / "npm" / wanted.file
    with exclusive(kept):
        if kept.is_file() and _integrity(contents := kept.read_bytes()) == wanted.integrity:
            return contents
        contents = _fetched(wanted)
        _check(contents, wanted, f"{wanted.name} from npm")
        with whole_file(kept) as part:
            part.write_bytes(contents)
    return contents


def members(tarball: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """Some files of a package, by their names in it; nothing is unpacked to the disk.

    Raises:
        StorageError: one of them is not there.
    """
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=BytesIO(tarball), mode="r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix("package/")
            stream = archive.extractfile(member) if member.isfile() and name in names else None
            if stream is not None:
                found[name] = stream.read()
    if lacking := [name for name in names if name not in found]:
        raise StorageError(f"the package of npm has no {lacking[0]}; its version does not fit this Attest")
    return found


def _check(contents: bytes, wanted: NpmPackage, where: str) -> None:
    if (found := _integrity(contents)) != wanted.integrity:
        raise StorageError(
            f"{where}: not {wanted.name} as it is known here: its digest is {found[:20]}…, expected "
            f"{wanted.integrity[:20]}…; it is not used. Get it again by `npm pack {wanted.name}`"
        )


def _integrity(contents: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(contents).digest()).decode()


def _fetched(wanted: NpmPackage) -> bytes:
    """By npm, into a folder that goes away again."""
    other = f"make {wanted.file} elsewhere by `npm pack {wanted.name}` and name it by --runtime"
    npm = shutil.which("npm")
    if npm is None:
        raise StorageError(f"npm is not installed, which fetches {wanted.name}: install it, or {other}")
    with tempfile.TemporaryDirectory(prefix="asr-npm-") as folder:
        command = [
            npm,
            "pack",
            wanted.name,
            "--ignore-scripts",
            "--loglevel=error",
            "--pack-destination",
            folder,
        ]
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE,
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            reason = f"it took more than {PATIENCE:g} s" if not isinstance(error, OSError) else error.strerror
            raise StorageError(
                f"npm could not fetch {wanted.name}: {reason}; try again, or {other}"
            ) from None
        path = Path(folder) / wanted.file
        if ended.returncode or not path.is_file():
            said = _said(ended.stderr) or f"it ended with status {ended.returncode}"
            raise StorageError(
                f"npm could not fetch {wanted.name} ({said}); is there a connection? Try again, or {other}"
            )
        return path.read_bytes()


def _said(text: str) -> str:
    """What npm complains of, without its marks and the places in its code."""
    return " ".join(text.replace("npm error", "").split()).partition(" at ")[0][:WORDS]
