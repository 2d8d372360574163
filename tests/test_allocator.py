"""Freed memory is used again: the kernel is asked for a page once, not at every turn."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from asr.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray(40 << 20)  # 10,240 pages, zeroed, and freed at once
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these options")
def test_freed_memory_is_used_again() -> None:
    kept, default = page_faults("keep"), page_faults("default")
    assert kept < 40_000  # once for the block, and what the heap grew by besides
    assert default > 5 * kept
