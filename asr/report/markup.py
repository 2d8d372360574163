"""HTML by construction: whatever is not marked as markup is text, and is escaped."""

import html
from collections.abc import Iterable, Sequence

_EMPTY = frozenset(("meta", "br", "hr", "image", "path", "rect", "line", "circle", "polyline"))
_IN_HTML = frozenset(("meta", "br", "hr"))  # elements without an end tag; those of SVG are closed


class Html(str):
    """Markup that was made here; any other text is escaped before it gets into a page."""

    __slots__ = ()


Child = object  # Html is taken as it is, anything else as text


def element(tag: str, *children: Child, **attributes: object) -> Html:
    """`<tag attributes>children</tag>`.

    Args:
        tag: name of the element.
        children: markup or text; None is left out.
        attributes: `class_` is class, `aria_label` aria-label; None and False are left out, True has no value.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _EMPTY:
        return Html(f"<{tag}{written}{'' if tag in _IN_HTML else '/'}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """One after the other; what is not markup is escaped."""
    return Html(between.join(_escaped(child) for child in children if child is not None))


def table(
    caption: str,
    headings: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    *,
    words: int = 1,
    class_: str = "",
) -> Html:
    """A table; the first `words` columns are text, the others numbers, and the first cell of a row heads it."""
    sides = [None if column < words else "n" for column in range(len(headings))]
    head = [element("th", name, scope="col", class_=side) for name, side in zip(headings, sides, strict=True)]
    body = [
        element(
            "tr",
            *(
                element("td" if column else "th", cell, class_=side, scope=None if column else "row")
                for column, (cell, side) in enumerate(zip(row, sides, strict=True))
            ),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_=class_ or None,
    )
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def folded(summary: Child, *children: Child) -> Html:
    """Shown when it is asked for, with the keyboard too."""
    return element("details", element("summary", summary), *children)


def figure(caption: Child, *children: Child, class_: str = "") -> Html:
    """A picture, its caption first: that says what to look for."""
    return element("figure", element("figcaption", caption), *children, class_=class_ or None)


def note(*children: Child) -> Html:
    """A remark in a quiet tone."""
    return element("p", *children, class_="quiet")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    shown = name.rstrip("_").replace("_", "-")
    return f" {shown}" if value is True else f' {shown}="{html.escape(str(value))}"'


def _escaped(child: Child) -> str:
    return str(child) if isinstance(child, Html) else html.escape(str(child))
