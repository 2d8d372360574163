"""A page of sections as one HTML file that needs nothing else: no other file, no address, no script."""

import base64
import hashlib
from collections.abc import Sequence

from asr.report.markup import Html, element
from asr.report.style import STYLE


def sectioned_page(title: str, header: Html, sections: Sequence[tuple[str, str, Html]], style: str) -> str:
    """The whole page, with links to its sections.

    Args:
        sections: id, heading and content of each; the first is what the page is read for.
        style: what this kind of page has besides the style of all of them.
    """
    links = [element("li", element("a", name, href=f"#{place}")) for place, name, _ in sections]
    first, called, _ = sections[0]
    body = element(
        "body",
        element("a", f"Skip to the {called.lower()}", href=f"#{first}", class_="skip"),
        header,
        element("nav", element("ul", *links), aria_label="Sections"),
        element("main", *(_section(*section) for section in sections)),
    )
    whole = STYLE + style
    digest = base64.b64encode(hashlib.sha256(whole.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(whole)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _section(place: str, name: str, content: Html) -> Html:
    return element(
        "section",
        element("h2", name, id=f"{place}-title"),
        content,
        id=place,
        aria_labelledby=f"{place}-title",
    )


def tile(name: object, value: object, about: object) -> Html:
    """One of the few things in a header that are read first."""
    return element(
        "div", element("dt", name), element("dd", value, class_="big"), element("dd", about, class_="small-print"),
        class_="tile",
    )  # fmt: skip
