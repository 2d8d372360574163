"""The C library's allocator, told to keep what is freed: for commands that compute.

A training step frees and takes blocks of megabytes all the time. By default each goes back to the kernel, which zeroes
its pages again at the first touch: a tenth of a step (benchmarks/training_step.py). Kept, the peak of the memory that a
process holds is about the same, and it holds it until it ends.
"""

import ctypes

# Of glibc's malloc.h; each option of mallopt takes a number.
_KEEP = (
    (-8, 1),  # M_ARENA_MAX: one heap for all threads, as those of the others hold no more than 64 MB each
    (-4, 0),  # M_MMAP_MAX: no block in pages of its own, which are given back when it is freed
    (-1, 2**31 - 1),  # M_TRIM_THRESHOLD: never give back the end of the heap
    (-2, 1 << 26),  # M_TOP_PAD: grow by 64 MB at a time
)


def keep_freed_memory() -> bool:
    """Has freed memory used again instead of given back; before threads start, for the rest of the process.

    Returns:
        Whether the C library took it: others than glibc have no such options, and stay as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in _KEEP)
