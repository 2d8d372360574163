"""Terms and persons: what can be one, and what cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import AsrError
from asr.publish.publication import Publication, licence_address, orcid_address


@pytest.mark.parametrize(
    ("licence", "address"),
    [
        ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0"),
        ("GPL-2.0+", "https://spdx.org/licenses/GPL-2.0+"),
        ("https://example.org/terms", "https://example.org/terms"),
    ],
)
def test_licence(licence: str, address: str) -> None:
    assert licence_address(licence) == address


@pytest.mark.parametrize(
    "licence", ["", "CC BY 4.0", "ftp://example.org/terms", "-", "MIT OR Apache-2.0", "a/b"]
)
def test_no_licence(licence: str) -> None:
    with pytest.raises(AsrError, match="expected an SPDX identifier such as CC-BY-4.0"):
        Publication(licence)


# From ORCID's own documentation of the check digit.
@pytest.mark.parametrize("orcid", ["0000-0002-1825-0097", "0000-0001-5109-3700", "0000-0002-1694-233X"])
def test_orcid(orcid: str) -> None:
    for written in (orcid, f"https://orcid.org/{orcid}", f"http://orcid.org/{orcid}/"):
        assert orcid_address(written) == f"https://orcid.org/{orcid}"


@given(st.from_regex(r"[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}", fullmatch=True))
def test_one_check_digit_of_eleven_is_right(start: str) -> None:
    def right(digit: str) -> bool:
        try:
            orcid_address(start + digit)
        except AsrError:
            return False
        return True

    assert sum(map(right, "0123456789X")) == 1


@pytest.mark.parametrize("orcid", ["0000-0002-1825-0079", "0000-0002-1825", "Ada", "٠٠٠٠-0002-1825-0097"])
def test_no_orcid(orcid: str) -> None:
    with pytest.raises(AsrError, match="ORCID iD"):
        Publication("MIT", "Ada Lovelace", orcid)


def test_orcid_of_nobody() -> None:
    with pytest.raises(AsrError, match="name the person too, with --agent"):
        Publication("MIT", orcid="0000-0002-1825-0097")
