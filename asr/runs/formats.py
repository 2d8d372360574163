"""Records of older formats, brought to the keys of today. What they do not say stays unsaid: empty or none."""

from typing import Any, Final

from pydantic.fields import FieldInfo


class Later:
    """Marks a key that came later than its format, with a default that says nothing: `Annotated[..., LATER]`.

    A record may lack it. One that had it and lost it does not match its seal.
    """


LATER: Final = Later()


def came_later(field: FieldInfo) -> bool:
    return LATER in field.metadata


def upgraded(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree of a record of any known format with the keys of the newest; `format` stays what it was."""
    return _from_1(tree) if tree.get("format") == 1 else tree


def _from_1(tree: dict[str, Any]) -> dict[str, Any]:
    """Format 1 knew no texts or audio shared between parts, no digests of manifests, no trail and no seal."""
    corpus = tree.get("corpus")
    if not isinstance(corpus, dict):
        return tree
    corpus = dict(corpus)
    speakers = corpus.pop("shared_speakers", [])
    corpus.setdefault("shared", {"audio": [], "texts": [], "speakers": speakers})
    corpus.setdefault("waived", [])
    if isinstance(corpus.get("splits"), dict):
        corpus["splits"] = {
            name: {"manifest": "", **part} if isinstance(part, dict) else part
            for name, part in corpus["splits"].items()
        }
    return {**tree, "corpus": corpus}
