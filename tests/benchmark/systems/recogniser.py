"""A program as a benchmark meets them, well or badly behaved: `recogniser.py HOW PATH...`. It is run, not imported."""

import json
import os
import sys
import time
from pathlib import Path


def main(how: str, *arguments: str) -> None:
    text = Path(arguments[0]).name if arguments else ""
    if how == "says":
        print(f"  {text} grüß dich\n")
        print("loading the model\nvery slow", file=sys.stderr)
    elif how == "json":
        print(json.dumps({"results": [{"best": {"text": " a "}}, {"best": {"text": text}}], "number": 7}))
    elif how == "writes":
        Path(arguments[1]).write_text(f"written {text}", encoding="utf-8")
        print("done")
    elif how == "writes-beside":
        Path(f"{arguments[1]}.txt").write_text(f"beside {text}", encoding="utf-8")
    elif how == "fails":
        print("half an answer")
        print("first\nsecond\n\nthird\nout of memory", file=sys.stderr)
        sys.exit(3)
    elif how == "crashes":
        os.abort()
    elif how == "latin":
        sys.stdout.buffer.write("grüß".encode("latin-1"))
    elif how == "endless":
        block = b"yes " * 100_000
        while True:
            sys.stdout.buffer.write(block)
    elif how == "env":
        print(Path.cwd(), sys.stdin.read())
    else:
        lines(how, *arguments)


def lines(how: str, *arguments: str) -> None:
    """Started once."""
    if arguments == ("--ready",):
        print("ready", flush=True)
    if how == "lines-banner":
        print("loading", flush=True)
        time.sleep(0.2)
        print("ready to go", flush=True)
    asked = sys.stdin if how != "lines-at-end" else sys.stdin.readlines()
    for heard, line in enumerate(asked, 1):
        path = line.rstrip("\n")
        name = Path(path).name
        if how == "lines-crash" and "bad" in name:
            print("cannot read it", file=sys.stderr)
            sys.exit(4)
        if how == "lines-hang" and "bad" in name:
            time.sleep(60)
        if how == "lines-two" and "bad" in name:
            print(f"{path}\tfirst half")
        print(f"{path}\t{heard} {name}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
