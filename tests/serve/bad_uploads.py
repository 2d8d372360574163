"""Uploads that are no good, drawn by a seed, as they go over the wire, each with the statuses that may answer it.

Plain bytes for a socket: a client library would mend some of them.
"""

import gzip
import random
from collections.abc import Iterator

from bad_sound import (
    Maker,
    any_sound,
    bomb,
    cut_file,
    empty,
    flipped_bytes,
    flipped_header,
    garbage,
    garbage_behind_magic,
    gigantic_tag,
    good,
    lying_wav,
    many_channels,
    slow_rate_bomb,
    sound,
    wrong_type,
)
from wire import BAD, BOUNDARY, BROKEN_HTTP, LARGE, LIMIT_MB, NOT_FORM, Case, case, form, part, request


def path_trick(draw: random.Random) -> Case:
    """Names that lead elsewhere; the file is bad, so that the answer names it."""
    name = draw.choice(
        (
            "../../../../etc/passwd", "/etc/shadow", "..\\..\\windows\\system32\\config", "C:\\secret.wav",
            "a/b/../../c", "\u202egpj.exe", "a" * 5000, "%2e%2e%2fetc%2fpasswd", "/proc/self/environ", "~/.ssh/id_rsa",
            "|id", "$(id)", "file:///etc/passwd", "CON", ".", "..", "/", "-", "--help", " ", "x\ty", "'; DROP TABLE",
            "<script>", "\x7f\x01",
        )
    )  # fmt: skip
    return case("path trick", BAD, form(b"no sound at all", name))


def null_bytes(draw: random.Random) -> Case:
    which = draw.randrange(3)
    if which == 0:
        return case("null bytes", BAD, form(b"\0" * draw.choice((1, 100, 100_000))))
    if which == 1:  # the parser refuses such a header, or the name is cleaned
        return case("null bytes", BAD, form(b"no sound", b"a\0b.wav"))
    return case("null bytes", BAD, form(sound(draw), "a.wav", part("model", b"an4\0run")))


def broken_multipart(draw: random.Random) -> Case:
    whole = form(sound(draw))
    body = draw.choice(
        (
            whole[: draw.randrange(1, len(whole) - 2)],
            whole[draw.randrange(1, 20) :],
            whole.replace(b"\r\n", b"\n"),
            whole.replace(b"name=", b"nome="),
            draw.randbytes(2000),
            b"--" + BOUNDARY + b"\r\n" + b"A" * 200_000,
            b"--" + BOUNDARY + b"\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(500)) + b"\r\n",
            b"\r\n" * 50_000,
            part("file", sound(draw), "a") + part("file", sound(draw), "b") + b"--" + BOUNDARY + b"--\r\n",
            part("file", sound(draw)) + b"--" + BOUNDARY + b"--\r\n",
            part("sound", sound(draw), "a.wav") + b"--" + BOUNDARY + b"--\r\n",
        )
    )
    return case("broken multipart", BAD, body)


def wrong_content_type(draw: random.Random) -> Case:
    kind = draw.choice(
        (b"audio/wav", b"application/json", b"multipart/mixed; boundary=x", b"multipart/form-data", b"", b"text/plain",
         b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"b" * 5000, b"\xff\xfe",
         b"application/x-www-form-urlencoded", b'multipart/form-data; boundary="----fuz"')
    )  # fmt: skip
    return case("wrong content type", NOT_FORM, form(sound(draw)), kind)


def packed_body(draw: random.Random) -> Case:
    body = gzip.compress(form(sound(draw))) if draw.random() < 0.5 else gzip.compress(bytes(10_000_000))
    encoding = draw.choice((b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip"))
    return Case("packed body", request(body, b"Content-Encoding: " + encoding), frozenset({415}))


def lying_length(draw: random.Random) -> Case:
    body = form(sound(draw))
    which = draw.randrange(5)
    if which == 0:  # nobody waits for what does not come
        longer = request(body, length=len(body) + 1000)
        return Case("length too large", longer, frozenset({0, 408}), hang_up=True)
    if which == 1:
        shorter = request(body, length=max(1, len(body) - 500))
        return Case("length too small", shorter, frozenset(BAD | {0}))
    if which == 2:
        return Case("length over the limit", request(body, length=LIMIT_MB * 1_000_000 + 1), frozenset(LARGE))
    if which == 3:
        no_number = b"Content-Length: " + draw.choice((b"-5", b"abc", b"1e9", b"0x10", b"9" * 40))
        return Case("length is no number", request(body, no_number), frozenset(BROKEN_HTTP | LARGE))
    return Case(
        "two lengths", request(body, b"Content-Length: 5", b"Content-Length: 7"), frozenset(BROKEN_HTTP)
    )


def too_large(draw: random.Random) -> Case:
    """Chunks, so that no length is declared."""
    file = draw.randbytes(LIMIT_MB * 1_000_000 + 100_000)
    body = form(file)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(block), block)
        for block in (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    )
    return Case("too large", request(chunks + b"0\r\n\r\n", b"Transfer-Encoding: chunked"), frozenset(LARGE))


def broken_chunks(draw: random.Random) -> Case:
    long_extension = b"5;" + b"e" * 100_000 + b"\r\nhello\r\n"
    body = draw.choice((b"zz\r\nabc\r\n", b"5\r\nab", b"f" * 16 + b"\r\nx", b"-1\r\n\r\n", long_extension))
    chunked = request(body, b"Transfer-Encoding: chunked")
    return Case("broken chunks", chunked, frozenset(BROKEN_HTTP | {408}), hang_up=True)


def many_fields(draw: random.Random) -> Case:
    count = draw.choice((65, 1000, 20_000))
    fields = [part(f"field{number}", b"v") for number in range(count)]
    return case("many fields", BAD, form(sound(draw), "a.wav", *fields))


def large_field(draw: random.Random) -> Case:
    return case(
        "large field",
        BAD,
        form(sound(draw), "a.wav", part("prompt", b"p" * draw.choice((70_000, 1_000_000)))),
    )


def bad_value(draw: random.Random) -> Case:
    name, value = draw.choice(
        (
            ("response_format", "xml"), ("response_format", ""), ("temperature", "hot"), ("temperature", "nan"),
            ("temperature", "2"), ("stream", "perhaps"), ("timestamp_granularities[]", "letter"), ("include[]", "all"),
            ("language", "../en"), ("unknown", "1"), ("chunking_strategy", "{"), ("known_speaker_names[]", "A"),
            ("response_format", "diarized_json"), ("timestamp_granularities[]", "word"), ("file", "text"),
        )
    )  # fmt: skip
    return case("bad value", BAD, form(sound(draw), "a.wav", part(name, value.encode())))


def wrong_model(draw: random.Random) -> Case:
    name = draw.choice(
        (b"whisper-1", b"../model", b"/etc/passwd", b"m" * 5000, b"\xff\xfe", b"<b>", "模型".encode())
    )
    return case("wrong model", {404}, form(sound(draw), "a.wav", part("model", name)))


def broken_http(draw: random.Random) -> Case:
    post = b"POST /v1/audio/transcriptions HTTP/"
    raw = draw.choice(
        (
            b"GET\r\n\r\n", draw.randbytes(300) + b"\r\n\r\n", post + b"9.9\r\n\r\n", post + b"1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00" + draw.randbytes(100) + b"\r\n\r\n",
            post + b"1.1\r\nHost: 127.0.0.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        )
    )  # fmt: skip
    return Case("broken HTTP", raw, frozenset({0, 400, 404, 405, 415, 431}), hang_up=True)


def hung_up(draw: random.Random) -> Case:
    whole = request(form(any_sound(draw)))
    return Case("hung up", whole[: draw.randrange(100, len(whole))], frozenset({0, 400}), hang_up=True)


MAKERS: tuple[Maker, ...] = (
    good, cut_file, flipped_bytes, flipped_header, garbage, garbage_behind_magic, wrong_type, empty, lying_wav,
    gigantic_tag, bomb, slow_rate_bomb, many_channels, path_trick, null_bytes, broken_multipart, wrong_content_type,
    packed_body, lying_length, too_large, broken_chunks, many_fields, large_field, bad_value, wrong_model, broken_http,
    hung_up,
)  # fmt: skip


def cases(seed: int, count: int) -> Iterator[Case]:
    """The same ones for a seed: all kinds in turn, and each drawn by its number."""
    for number in range(count):
        yield MAKERS[number % len(MAKERS)](random.Random(f"{seed}/{number}"))
