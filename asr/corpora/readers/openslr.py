"""Addresses of OpenSLR and its mirrors."""

MIRRORS = (
    "https://www.openslr.org/resources",
    "https://us.openslr.org/resources",
    "https://openslr.elda.org/resources",
    "https://openslr.trmal.net/resources",
    "https://openslr.magicdatatech.com/resources",
)


def addresses(number: int, archive: str) -> tuple[str, ...]:
    """Of an archive of the resource with this number."""
    return tuple(f"{mirror}/{number}/{archive}" for mirror in MIRRORS)
