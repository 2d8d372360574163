"""`asr serve`: an HTTP service that transcribes, in the shape of OpenAI's API, with a web page.

Point a client of OpenAI's at http://127.0.0.1:8000/v1, or a browser at http://127.0.0.1:8000. Several models may be
served, each called as its folder is, or NAME=RUN_OR_BUNDLE. It listens on this machine alone unless told otherwise.
Ctrl-C finishes what is under way.
"""

import argparse
import importlib.util
import os
from pathlib import Path

from asr import numerics
from asr.cli.arguments import add_device, add_engine, add_workers, positive, workers_of
from asr.cli.ctc_alone import say_if_ctc_alone
from asr.cli.key_options import add_require_signature

NAME = "serve"
TOKEN = "ASR_SERVE_TOKEN"
KEPT = "32"
NEEDED = ("fastapi", "uvicorn", "python_multipart", "websockets", "prometheus_client")  # of the extra `serve`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        nargs="+",
        metavar="RUN_OR_BUNDLE",
        help="a run, a bundle or the name of a model (asr models); NAME=... gives it another name",
    )
    add_require_signature(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=_port, default=8000, help="port to listen on (8000); 0 takes one that is free"
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"tokens, one a line, of which one is wanted; or set {TOKEN}",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page that may use the service beside its own, as https://example.org; may be given again",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which the service is called, beside addresses and this machine's name; may be given again",
    )
    parser.add_argument("--decoder", choices=("greedy", "beam"), help="as of asr transcribe")
    parser.add_argument(
        "--confidence",
        default="",
        metavar="FILE",
        help="of words: a file of asr confidence train, posterior or none (what the model carries, else posterior)",
    )
    _add_limits(parser)
    add_engine(parser)
    add_device(parser)
    add_workers(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-megabytes", type=_number, metavar="MB", help="of an upload (512)")
    limits.add_argument("--max-seconds", type=_number, metavar="S", help="of audio in an upload (14400)")
    limits.add_argument("--max-time", type=_number, metavar="S", help="from an upload to its answer (1800)")
    limits.add_argument("--max-upload-time", type=_number, metavar="S", help="until an upload is there (600)")
    limits.add_argument(
        "--max-requests", type=positive, metavar="N", help="at once (64); more are answered 503"
    )
    limits.add_argument("--max-live", type=positive, metavar="N", help="live connections at once (8)")
    limits.add_argument("--stop-time", type=_number, metavar="S", help="to finish when asked to stop (30)")


def call(options: argparse.Namespace) -> int:
    from asr.errors import AsrError

    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise AsrError(f"asr serve needs {name}: pip install 'attest-asr[serve]'")
    numerics.pin()
    # Before torch is loaded. oneDNN keeps what it made for each size of batch, a thousand of them by default; nearly
    # each batch here has a size of its own. With the AN4 model 2,600 requests of benchmarks/server_load.py took it to
    # 947 MB, and it was still rising; with this it was level at 862 MB after 1,700.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KEPT)
    from asr.serve.models import load_models
    from asr.serve.reports import say
    from asr.serve.run import serve
    from asr.serve.settings import Limits, Settings

    chosen = {
        "megabytes": options.max_megabytes,
        "seconds": options.max_seconds,
        "time": options.max_time,
        "upload_time": options.max_upload_time,
        "requests": options.max_requests,
        "live": options.max_live,
        "stop_time": options.stop_time,
    }
    settings = Settings(
        host=options.host,
        port=options.port,
        tokens=_tokens(options),
        origins=tuple(options.allow_origin),
        hosts=tuple(options.allow_host),
        workers=workers_of(options),
        limits=Limits(**{name: value for name, value in chosen.items() if value is not None}),
    )
    if not settings.tokens and not _is_local(options.host):
        say(
            f"WARNING: {options.host} can be reached from elsewhere, and no token is wanted: set --token-file"
        )
    models = load_models(
        options.models,
        device=options.device,
        decoder=options.decoder,
        confidence=options.confidence,
        engine=options.engine,
        require_signature=options.require_signature,
    )
    for model in options.models:
        place = model if Path(model).exists() else model.partition("=")[2] or model
        say_if_ctc_alone(place, options.engine, options.device, options.decoder)
    return serve(settings, models)


def _tokens(options: argparse.Namespace) -> tuple[str, ...]:
    from asr.serve.settings import checked_tokens, read_tokens

    if options.token_file is not None:
        return read_tokens(options.token_file)
    named = os.environ.get(TOKEN)
    return checked_tokens([named], TOKEN) if named else ()


def _is_local(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {text!r}")
    return int(text)


def _number(text: str) -> float:
    """More than 0, and finite."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


if __name__ == "__main__":
    import sys

    from asr.cli.main import main

    sys.exit(main(["serve", *sys.argv[1:]]))
