"""Fields of a form, as OpenAI's client and others send them."""

import pytest

from asr.serve.refusal import RefusedError
from asr.serve.wishes import Wishes, read_wishes


def test_nothing_is_json_with_defaults() -> None:
    assert read_wishes([]) == Wishes(model=None, format="json", words=False, segments=True, stream=False)


def test_what_can_be_asked_for() -> None:
    fields = [
        ("model", "tones"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities", "segment"),
        ("stream", "True"),
        ("language", "en-GB"),
        ("prompt", "any text"),
        ("temperature", "0.2"),
        ("chunking_strategy", "auto"),
        ("keywords[]", "go"),
    ]
    assert read_wishes(fields) == Wishes(
        model="tones",
        format="verbose_json",
        words=True,
        segments=True,
        stream=True,
        progress=True,
        language="en-GB",
    )
    assert read_wishes([("include[]", "logprobs")]).logprobs


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("response_format", "xml", "response_format"),
        ("response_format", "diarized_json", "response_format"),
        ("timestamp_granularities[]", "letter", "timestamp_granularities"),
        ("timestamp_granularities[]", "word", "timestamp_granularities"),
        ("include[]", "everything", "include"),
        ("stream", "perhaps", "stream"),
        ("temperature", "2", "temperature"),
        ("temperature", "nan", "temperature"),
        ("temperature", "warm", "temperature"),
        ("language", "in english", "language"),
        ("chunking_strategy", '{"type": "server_vad"}', "chunking_strategy"),
        ("chunking_strategy[type]", "server_vad", "chunking_strategy"),
        ("known_speaker_names[]", "Anna", "known_speaker_names"),
        ("timestamp_granularity", "word", "timestamp_granularity"),
        ("file", "not a file", "file"),
        ("model", "a\0b", "model"),
    ],
)
def test_what_cannot_be_honoured_is_named(field: str, value: str, param: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_wishes([(field, value)])
    assert (refused.value.status, refused.value.param) == (400, param)


def test_what_does_not_go_together() -> None:
    for fields, param in (
        ([("stream", "true"), ("response_format", "srt")], "response_format"),
        ([("include[]", "logprobs"), ("response_format", "text")], "include"),
        ([("model", "a"), ("model", "b")], "model"),
    ):
        with pytest.raises(RefusedError) as refused:
            read_wishes(fields)
        assert refused.value.param == param
