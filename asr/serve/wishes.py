"""What a request for a transcript asks for, from the fields of its form. docs/server.md says which have no effect."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from asr.serve.refusal import invalid

FORMATS = ("json", "text", "srt", "vtt", "verbose_json", "tsv", "ctm", "jsonl")
STREAMED = ("json", "text", "verbose_json")
GRANULARITIES = ("segment", "word")
INCLUDED = ("logprobs", "progress")
# Known, and without effect: these models take no text that guides them, and nothing in them is drawn at random.
_LISTS = {"timestamp_granularities", "include", "keywords", "languages"}
_SINGLE = {"model", "response_format", "language", "prompt", "temperature", "stream", "chunking_strategy"}
_SPEAKERS = {"known_speaker_names", "known_speaker_references"}


@dataclass(frozen=True)
class Wishes:
    """Of one request."""

    model: str | None = None
    format: str = "json"
    words: bool = False  # in verbose_json
    segments: bool = True  # in verbose_json
    stream: bool = False
    logprobs: bool = False
    progress: bool = False  # events of what has been heard so far
    language: str | None = None  # as the request has it; it changes nothing


def read_wishes(fields: Sequence[tuple[str, str]]) -> Wishes:
    """From the fields of a form.

    Raises:
        RefusedError: a field that is not known, comes twice, or has a value that cannot be honoured (400).
    """
    single, lists = _sorted(fields)
    form = single.get("response_format", "json")
    if form == "diarized_json":
        raise invalid(
            "these models do not tell speakers apart; expected " + _one_of(FORMATS), "response_format"
        )
    _check("response_format", form, FORMATS)
    granularities = lists.get("timestamp_granularities", [])
    for value in granularities:
        _check("timestamp_granularities", value, GRANULARITIES)
    if granularities and form != "verbose_json":
        raise invalid("timestamp_granularities needs response_format=verbose_json", "timestamp_granularities")
    stream = _flag("stream", single.get("stream", "false"))
    if stream and form not in STREAMED:
        raise invalid(
            f"stream=true gives events; response_format is then {_one_of(STREAMED)}", "response_format"
        )
    include = lists.get("include", [])
    for value in include:
        _check("include", value, INCLUDED)
    if "logprobs" in include and form != "json":
        raise invalid("include[]=logprobs needs response_format=json", "include")
    _check_without_effect(single, lists)
    return Wishes(
        model=single.get("model"),
        format=form,
        words="word" in granularities,
        segments="segment" in granularities or not granularities,
        stream=stream,
        logprobs="logprobs" in include,
        progress="progress" in include or (stream and form == "verbose_json"),
        language=single.get("language") or None,
    )


def _sorted(fields: Sequence[tuple[str, str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Fields with one value, and those with any number."""
    single: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for field, value in fields:
        name = field.removesuffix("[]")
        if "\0" in value:
            raise invalid("a zero byte in the value", _shown(name))
        if name == "file":
            raise invalid("file was sent as text; send it as a file, with a filename", "file", "file_missing")
        if name in _LISTS:
            lists.setdefault(name, []).append(value)
        elif name.partition("[")[0] in _SPEAKERS:
            raise invalid("these models do not tell speakers apart", _shown(name))
        elif name.partition("[")[0] == "chunking_strategy" and name != "chunking_strategy":
            raise invalid(
                "how pauses are found cannot be set; leave it out, or send auto", "chunking_strategy"
            )
        elif name not in _SINGLE:
            known = ", ".join(sorted(_SINGLE | _LISTS | {"file"}))
            raise invalid(
                f"no such field: {_shown(name)}; known are {known}", _shown(name), "unknown_parameter"
            )
        elif name in single:
            raise invalid("given more than once", name)
        else:
            single[name] = value
    return single, lists


def _check_without_effect(single: dict[str, str], lists: dict[str, list[str]]) -> None:
    """Values have to make sense even so: a mistake is not passed over."""
    if (temperature := single.get("temperature")) is not None:
        try:
            possible = 0 <= float(temperature) <= 1
        except ValueError:
            possible = False
        if not possible:
            raise invalid("expected a number from 0 to 1", "temperature")
    for language in [*filter(None, [single.get("language")]), *lists.get("languages", [])]:
        if not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", language):
            raise invalid("expected the code of a language, such as en", "language")
    if single.get("chunking_strategy", "auto") != "auto":
        raise invalid("how pauses are found cannot be set; leave it out, or send auto", "chunking_strategy")


def _check(param: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise invalid(f"{_shown(value)!r} is not known; expected {_one_of(allowed)}", param)


def _flag(param: str, value: str) -> bool:
    if (flag := {"true": True, "1": True, "false": False, "0": False, "": False}.get(value.lower())) is None:
        raise invalid("expected true or false", param)
    return flag


def _one_of(values: Sequence[str]) -> str:
    return ", ".join(values[:-1]) + " or " + values[-1]


def _shown(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:60]
