"""Readers of corpora, one file each, and what fetches a corpus and proves that it is the right one."""

from asr.corpora.decode import BrokenFile
from asr.corpora.lock import SplitLock
from asr.corpora.prepare import prepare
from asr.corpora.prepared import PreparedCorpus, keep_lock, lock_of, write_lock
from asr.corpora.reading import CorpusSource, Progress, Reader, Splits
from asr.corpora.registry import get_reader

__all__ = [
    "BrokenFile",
    "CorpusSource",
    "PreparedCorpus",
    "Progress",
    "Reader",
    "SplitLock",
    "Splits",
    "get_reader",
    "keep_lock",
    "lock_of",
    "prepare",
    "write_lock",
]
