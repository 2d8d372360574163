"""On which terms a run is published, and by whom it was made."""

import re
from dataclasses import dataclass

from asr.errors import AsrError

_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_ADDRESS = re.compile(r"https?://\S+")
_ORCID = re.compile(r"(?:https?://orcid\.org/)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])/?")


@dataclass(frozen=True)
class Publication:
    """What no record knows."""

    licence: str  # SPDX identifier such as CC-BY-4.0, or an address
    agent: str = ""  # name of the person who made the run; "" names nobody
    orcid: str = ""  # of that person, with or without https://orcid.org/

    def __post_init__(self) -> None:
        """Raises AsrError for a licence or an ORCID iD that cannot be one."""
        licence_address(self.licence)
        if self.orcid:
            orcid_address(self.orcid)
        if self.orcid and not self.agent:
            raise AsrError(f"ORCID iD {self.orcid} of nobody: name the person too, with --agent")


def licence_address(licence: str) -> str:
    """Where a licence can be read. Whether SPDX lists the identifier is not looked up."""
    if _ADDRESS.fullmatch(licence):
        return licence
    if _SPDX.fullmatch(licence):
        return f"https://spdx.org/licenses/{licence}"
    raise AsrError(
        f"licence {licence!r}: expected an SPDX identifier such as CC-BY-4.0 or Apache-2.0, or an address"
    )


def orcid_address(orcid: str) -> str:
    """https://orcid.org/..., when the check digit is right (ISO 7064, modulus 11-2)."""
    match = _ORCID.fullmatch(orcid)
    if match is None:
        raise AsrError(f"ORCID iD {orcid!r}: expected four groups of four digits, as in 0000-0002-1825-0097")
    digits = match[1].replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    if "0123456789X"[(12 - total % 11) % 11] != digits[-1]:
        raise AsrError(f"ORCID iD {orcid!r}: its check digit is wrong; look for a typing error")
    return f"https://orcid.org/{match[1]}"
