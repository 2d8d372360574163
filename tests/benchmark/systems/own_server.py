"""`asr serve` in a process of its own, as a user would start it."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def own_server(run: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Address of its API, and its process; the model is called `small`."""
    command = [sys.executable, "-m", "asr.cli.main", "serve", f"small={run}", "--port", "0", "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"listening on (http://\S+:\d+) ", line):
                    yield f"{found[1]}/v1", process
                    return
            raise AssertionError("the server did not start")
        finally:
            process.kill()
