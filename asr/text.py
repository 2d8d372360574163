"""Text as the recogniser sees it: one versioned normaliser for references, training texts and hypotheses.

The version is part of the recipe and of every model, because an error rate means nothing without it. A change
of what a version does would change old results: add a version instead.
"""

import unicodedata
from collections.abc import Callable

# Left and right single quotes, low-9 and reversed quotes, modifier letters, prime and the spacing accents
# that keyboards put in their place: all written for one apostrophe.
_APOSTROPHES = dict.fromkeys(map(ord, "‘’‚‛ʹʻʼʽˈ′`´＇"), "'")
# Not seen: zero-width space, non-joiner, joiner, word joiner, byte-order mark, soft hyphen.
_INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD), None)


def normalise(text: str, version: str = "plain-1") -> str:
    """The text as it is trained on, recognised and scored.

    plain-1: typographic apostrophes become ', Unicode compatibility form NFKC, lower case, invisible format
    characters go, each run of white space becomes one space, none is left at the ends. Punctuation and digits
    stay: which of them a corpus has is for its reader to decide. Applying it twice changes nothing.

    Raises:
        ValueError: unknown version.
    """
    try:
        return _VERSIONS[version](text)
    except KeyError:
        raise ValueError(f"unknown text version {version!r}; known: {', '.join(sorted(_VERSIONS))}") from None


def _plain_1(text: str) -> str:
    # Apostrophes before NFKC, which would make a spacing acute a space and a combining mark. Lower case
    # can undo NFKC, and NFKC can bring new capitals and apostrophes, so all steps repeat until none changes
    # anything.
    while True:
        changed = text.translate(_APOSTROPHES).translate(_INVISIBLE)
        changed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", changed).lower())
        changed = " ".join(changed.split())
        if changed == text:
            return text
        text = changed


_VERSIONS: dict[str, Callable[[str], str]] = {"plain-1": _plain_1}
