"""A corpus in shards: tar files of FLAC, in the layout of WebDataset, read one after the other.

    shards.json                 which splits and shards there are, with the SHA-256 of each
    train.jsonl, test.jsonl     manifests; an audio_filepath is `train-000000.tar#1536+48211`
    train-000000.tar, ...       for each utterance KEY.flac, KEY.json and KEY.txt
    SHA256SUMS                  for `sha256sum --check`

`asr shards` makes such a folder out of any other corpus, whose files it has decoded, so each utterance comes with its
duration and its digests, and nothing is decoded before the training begins. What is learned from is proved by the chain
of digests: shards.json has those of the manifests and of the shards, and each shard is checked when its first utterance
is read.

The folder may lie at an address that fsspec knows (s3://, gs://, https://, ...). Then its lists are copied into the
cache, and each shard when it is needed.
docs/scale.md has an example.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from asr.corpora.cache import exclusive
from asr.corpora.reading import Reader, Splits
from asr.errors import AudioError, CorpusError, ManifestError, StorageError
from asr.files import sha256_file, write_json
from asr.manifest import Manifest, read_manifest
from asr.remote_file import FetchError, fetch
from asr.shard_file import LIST, SOURCE, source_of

FORMAT = 1
MOST = 1 << 40  # bytes of a list
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/{1,2}([^/].*)")


def read(folder: Path) -> Splits:
    """The manifests, which shards.json proves to be those of these shards."""
    splits: dict[str, Manifest] = {}
    for split, listed in read_list(folder)["splits"].items():
        path = folder / listed["manifest"]
        if not path.is_file():
            raise CorpusError(f"{path}: missing; expected {READER.layout}")
        if sha256_file(path) != listed["sha256"]:
            raise CorpusError(
                f"{path}: altered (its SHA-256 is not the one of {LIST}); copy it again from where it came from"
            )
        splits[split] = read_manifest(path)
        _check_places(splits[split])
    return splits


def _check_places(manifest: Manifest) -> None:
    """Raises CorpusError when an utterance is in no shard: it would be read without being proved."""
    import numpy as np

    try:
        outside = np.flatnonzero(manifest.shards < 0)
    except ManifestError as error:
        raise CorpusError(str(error)) from None
    if len(outside):
        first = manifest[int(outside[0])]
        raise CorpusError(
            f"{manifest.path}: {len(outside)} utterances are in no shard, the first is {first.id} "
            f"({first.audio_filepath}); an audio_filepath here is like train-000000.tar#1536+48211"
        )


def read_list(folder: Path) -> dict[str, Any]:
    """shards.json. Raises CorpusError when it is not one of a format that is known."""
    path = folder / LIST
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] != FORMAT:
            raise CorpusError(f"{path}: format {tree['format']!r}; this version reads {FORMAT}")
        names = [item["name"] for item in tree["shards"]]
        names += [listed["manifest"] for listed in tree["splits"].values()]
        if bad := [name for name in names if Path(name).name != name]:
            raise ValueError(f"{bad[0]!r} is not the name of a file in this folder")
        if missing := {"train", "test"} - tree["splits"].keys():
            raise ValueError(f"no split {' and '.join(sorted(missing))}")
        for listed in tree["splits"].values():
            str(listed["sha256"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: not a list of shards ({type(error).__name__}: {error})") from None
    assert isinstance(tree, dict)
    return tree


def address_of(given: Path) -> str | None:
    """The address that a path stands for: as a path, s3://bucket/folder has lost one of its slashes."""
    if found := _ADDRESS.fullmatch(str(given)):
        return f"{found[1]}://{'/' if found[1] in ('file', 'local') else ''}{found[2].rstrip('/')}"
    return None


def mirror(address: str, cache: Path) -> Path:
    """A folder in the cache that stands for the shards at an address: the lists are there, shards come when needed.

    Each state of the corpus has a folder of its own, so shards of before and after a change never mix.

    Raises:
        CorpusError: nothing comes from the address, or it is no list of shards.
    """
    arrived = cache / "shards" / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.json"
    try:
        with exclusive(arrived):
            fetch(f"{address}/{LIST}", arrived, most=MOST)
            folder = cache / "shards" / sha256_file(arrived)[:16]
            folder.mkdir(parents=True, exist_ok=True)
            arrived.replace(folder / LIST)
            for listed in read_list(folder)["splits"].values():
                path = folder / listed["manifest"]
                if not path.is_file() or sha256_file(path) != listed["sha256"]:
                    fetch(f"{address}/{listed['manifest']}", path, most=MOST)
            if source_of(folder) != address:
                write_json(folder / SOURCE, {"address": address})
    except (FetchError, StorageError, AudioError) as error:
        raise CorpusError(str(error)) from None
    return folder


READER = Reader(
    name="shards",
    title="A corpus in shards",
    licence="that of the recordings",
    layout=(
        "shards.json, train.jsonl, test.jsonl and the shards that they name, as `asr shards` writes them, in a folder "
        "or at an address (s3://...)"
    ),
    marker=LIST,
    read=read,
    lock_beside="corpus.lock.json",
    decoded=True,
)
