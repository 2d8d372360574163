"""The parts of transcription.py, each in a process of its own on the cores it may use; prints one line of JSON.

python benchmarks/transcription_parts.py PART MODEL FILE ...
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def rates() -> dict[str, float]:
    """Billions of floating-point operations a second in matrix products: the best of the shapes, one thread."""
    from asr import numerics

    numerics.pin()
    import torch

    torch.set_num_threads(1)
    found = {"mm": 0.0, "oneDNN": 0.0}
    with torch.inference_mode():
        for rows, inner, columns in ((512, 512, 1024), (1024, 1024, 1024), (2048, 512, 2048)):
            left, right = torch.randn(rows, inner), torch.randn(inner, columns)
            across = right.t().contiguous()
            ways: dict[str, Callable[[], Any]] = {
                "mm": lambda a=left, b=right: torch.mm(a, b),
                "oneDNN": lambda a=left, b=across: torch.ops.mkldnn._linear_pointwise(
                    a, b, None, "none", [], ""
                ),
            }
            for name, way in ways.items():
                for _ in range(30):
                    begin = time.perf_counter()
                    way()
                    speed = 2e-9 * rows * inner * columns / (time.perf_counter() - begin)
                    found[name] = max(found[name], speed)
    return found


def warm(model: str, files: list[str], *, workers: int, rounds: int = 5) -> dict[str, Any]:
    """A loaded model, and each file by itself (one worker only), or all at once."""
    transcriber = _transcriber(model)
    texts = [transcriber(file).text for file in files]  # warms up
    seconds = _seconds(transcriber, files)
    times: dict[str, list[tuple[float, float]]] = {"one by one": [], "many": []}
    for _ in range(rounds):
        if workers == 1:
            times["one by one"].append(_timed(lambda: [transcriber(file) for file in files]))
        heard: list[Any] = []
        times["many"].append(_timed(lambda to=heard: to.extend(transcriber.many(files, workers=workers))))
        if [found.text for _, found in heard] != texts:
            raise SystemExit("files together have other transcripts than one by one")
    return {"times": times, "audio": seconds, "multiply_adds": multiply_adds(transcriber.bundle.description)}


def lengths(model: str, files: list[str]) -> dict[str, Any]:
    """One file: seconds it takes, and the memory that the process then had at its peak."""
    transcriber = _transcriber(model)
    transcriber(files[0])
    before = _memory("VmHWM")
    times = [_timed(lambda: transcriber(files[1])) for _ in range(3)]
    return {"times": times, "peak": _memory("VmHWM"), "peak_before": before}


def memory(model: str, files: list[str], count: int) -> dict[str, Any]:
    """Resident memory while very many files are transcribed: the given ones, again and again."""
    transcriber = _transcriber(model)
    resident, begin = [], time.perf_counter()

    def names() -> Iterator[str]:
        for number in range(count):
            yield files[number % len(files)]

    for number, _ in enumerate(transcriber.many(names(), workers=2)):
        if number % 250 == 249:
            resident.append(_memory("VmRSS"))
    return {"files": count, "seconds": time.perf_counter() - begin, "resident": resident, "every": 250}


def sphinx(files: list[str]) -> dict[str, Any]:
    """Pocketsphinx with the model and the language model that its package brings."""
    from pocketsphinx import Decoder

    from asr.audio import read_pcm16

    begin = time.perf_counter()
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    loaded = time.perf_counter()
    words = 0
    for file in files:
        samples, _ = read_pcm16(file)
        decoder.start_utt()
        decoder.process_raw(samples[:, 0].tobytes(), full_utt=True)
        decoder.end_utt()
        words += len(decoder.hyp().hypstr.split()) if decoder.hyp() else 0
    return {
        "load": loaded - begin,
        "decode": time.perf_counter() - loaded,
        "processor": time.process_time(),
        "words": words,
    }


def multiply_adds(description: Any) -> dict[str, float]:
    """Of each part of the model, for a second of audio; Fourier transforms and element by element work are left out."""
    front, model = description.front_end, description.model
    rate = front.sample_rate / front.hop_samples  # frames a second
    fft = 2 ** (front.window_samples - 1).bit_length()
    found = {"mel filters": rate * (fft // 2 + 1) * front.mels, "convolutions": 0.0, "recurrent": 0.0}
    channels, bands = 1, front.features
    for layer in model.convolutions:
        rate, bands = rate / layer.stride[0], -(-bands // layer.stride[1])
        taps = layer.kernel[0] * layer.kernel[1] * channels
        found["convolutions"] += rate * bands * layer.channels * taps
        rate, bands = rate / layer.pool[0], -(-bands // layer.pool[1])
        channels = layer.channels
    directions = 2 if model.bidirectional else 1
    found["projection"] = rate * channels * bands * model.projection
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[model.cell]
    for number, inputs in enumerate(model.recurrent_inputs):
        rate /= 2 if model.joins(number) else 1
        found["recurrent"] += rate * directions * gates * model.hidden * (inputs + model.hidden)
    tokens = len(description.tokenizer.get("alphabet", ())) + 1
    found["output"] = rate * model.width * tokens
    return found


def _transcriber(model: str) -> Any:
    from asr import numerics

    numerics.pin()
    from asr import Transcriber

    return Transcriber(model, device="cpu")


def _seconds(transcriber: Any, files: list[str]) -> float:
    return float(sum(found.seconds for _, found in transcriber.many(files)))


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock and of the processor, which other work on the machine hardly changes."""
    begin = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begin[0], time.process_time() - begin[1]


def _memory(field: str) -> int:
    """Bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def main(part: str, cores: str, *arguments: str) -> None:
    os.sched_setaffinity(0, range(int(cores)))
    model, files = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    found = {
        "rates": lambda: rates(),
        "warm": lambda: warm(model, files, workers=int(cores)),
        "lengths": lambda: lengths(model, files),
        "memory": lambda: memory(model, files[1:], int(files[0])),
        "sphinx": lambda: sphinx([model, *files]),
    }[part]()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
