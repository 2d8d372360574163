"""A run on a disk that is too small, in a mount namespace of its own; called by test_l2_interrupt_proof.py.

`unshare --map-root-user --mount python small_disk.py DISK CORPUS SIZE`: mounts SIZE at DISK where nobody else sees it,
runs until it is full, makes room, and runs again. Prints what was found as JSON. Exit status 77: may not mount.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from asr import numerics

numerics.pin()


def main(disk: Path, corpus: Path, size: str) -> int:
    from sessions import Run, ended, recipe

    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        return 77
    run = Run(disk, corpus, recipe(train__checkpoint_seconds=1e-6))
    run.output = disk.parent / "output"  # what it says has room

    def session() -> dict[str, Any]:
        status = ended(run.forked())
        names = sorted(path.name for path in run.out.rglob("*") if path.is_file())
        return {"status": status, "said": run.said, "files": names}

    full = session()
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    last = session()
    record = (run.out / "record.json").read_text(encoding="utf-8")
    print(json.dumps({"full": full, "last": last, "record": record}))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
