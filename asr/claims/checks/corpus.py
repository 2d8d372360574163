"""Is the corpus of a record that of its manifests, and that of the lock file which comes with this installation."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields

from asr.claims.checks.files import read_lines
from asr.claims.checks.hypotheses import HypothesisFile, read_hypotheses
from asr.claims.checks.scored import all_scored
from asr.claims.evidence import Evidence
from asr.claims.findings import NOTHING, Finding, NotChecked, brief, contradiction, differences, shown
from asr.corpora.leaks import find_leaks
from asr.corpora.lock import read_lock
from asr.corpora.reading import data_file
from asr.corpora.registry import NAMES
from asr.errors import AsrError, ManifestError
from asr.evaluation.hypotheses import beside_references
from asr.manifest import Utterance, digest_of, identity, manifest_digest, read_manifest
from asr.publish.ro_crate import METADATA
from asr.runs.record import CorpusUsed, Record, Split

PARTS = ("train", "dev", "test")


def check_corpus(evidence: Evidence) -> Iterator[Finding]:
    """The identity of the corpus is that of its parts, and what is waived is what the recipe waives."""
    record, corpus = evidence.need_record(), evidence.need_corpus()
    test, whole = corpus.splits.get("test"), corpus.identity.get("test")
    if test is not None and whole != test.digest:
        yield contradiction("corpus.identity.test", whole, test.digest, "corpus.splits.test.digest")
    own = record.recipe.corpus.dev_split
    dev = corpus.splits.get("dev")
    if own and dev is not None and (found := corpus.identity.get(own)) != dev.digest:
        yield contradiction(f"corpus.identity.{own}", found, dev.digest, "corpus.splits.dev.digest")
    if corpus.name != record.recipe.corpus.name:
        yield contradiction("corpus.name", corpus.name, record.recipe.corpus.name, "recipe.corpus.name")
    waived = sorted(set(record.recipe.corpus.waive))
    if record.format > 1 and corpus.waived != waived:
        yield contradiction("corpus.waived", corpus.waived, waived, "recipe.corpus.waive")
    for kind, names in corpus.shared:
        if names and kind not in corpus.waived:
            message = f"the test part shares {kind} with what was learned from ({len(names)}), and no waiver says so"
            what = "corpus.shared_speakers" if record.format == 1 else f"corpus.shared.{kind}"
            # Format 1 had no waivers.
            yield Finding("leak", what, json.dumps(names)[:200], "[]", message, remark=record.format == 1)


def check_lock(evidence: Evidence) -> Iterator[Finding]:
    """A corpus that this installation has a lock file of is that corpus; if not, that is worth knowing."""
    corpus = evidence.need_corpus()
    if corpus.name not in NAMES:
        raise NotChecked(f"this installation knows no corpus {corpus.name}")
    path = data_file(f"{corpus.name}.lock.json")
    try:
        locks = read_lock(path)
    except AsrError as error:
        raise NotChecked(str(error)) from None
    if locks is None:
        raise NotChecked(f"no lock file of {corpus.name} comes with this installation")
    expected = {split: lock.digest for split, lock in locks.items()}
    for key, ours, theirs in differences(corpus.identity, expected, "corpus.identity"):
        by = f"data/{path.name} of this installation"
        yield contradiction(key, ours, theirs, by, remark="other-corpus")


def check_manifests(evidence: Evidence) -> Iterator[Finding]:
    """manifests/*.jsonl list the utterances of each part; counted and hashed again they give what the record says."""
    corpus, folder = evidence.need_corpus(), evidence.need_folder()
    published = (folder.path / METADATA).is_file()
    if published and not any(folder.manifest(part).exists() for part in PARTS):
        raise NotChecked("a published run has none")
    parts = {}
    for part in PARTS:
        name = f"manifests/{part}.jsonl"
        found = read_part(evidence, part)
        if isinstance(found, Finding):
            yield found
            continue
        parts[part] = found
        yield from _keys(evidence, part, name)
        if part in corpus.splits:
            yield from _same_split(f"corpus.splits.{part}", corpus.splits[part], found, name)
        yield from _utterances(found, name)
    if len(parts) == len(PARTS):
        yield from _whole_corpus(evidence.need_record(), corpus, parts)


def check_references(evidence: Evidence) -> Iterator[Finding]:
    """The hypotheses are of the utterances of the manifests, beside their texts."""
    record = evidence.need_record()
    for scored in all_scored(record):
        for part in ("dev", "test"):
            utterances, file = read_part(evidence, part), read_hypotheses(evidence, scored.file(part))
            if isinstance(utterances, Finding):
                raise NotChecked(f"{utterances.what}: {utterances.message}")
            if file.findings:
                raise NotChecked(f"{file.name} cannot be read")
            yield from _same_texts(record, part, utterances, file)


def _same_texts(
    record: Record, part: str, utterances: Sequence[Utterance], file: HypothesisFile
) -> Iterator[Finding]:
    texts = [""] * len(utterances)
    expected = {item.id: item for item in beside_references(utterances, texts, record.recipe.text)}
    found = {item.id: item for item in file.hypotheses}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found or name not in expected:
            known = "no hypothesis" if name not in found else "no utterance of the manifest"
            message = f"{name} has {known}" if name not in found else f"{name} is {known}"
            yield Finding("inconsistent", file.name, "", "", message)
            continue
        ours, theirs = found[name], expected[name]
        for key in ("reference", "speaker"):
            if getattr(ours, key) != getattr(theirs, key):
                by = f"manifests/{part}.jsonl, normalised"
                yield contradiction(
                    f"{file.name}: {name}.{key}", getattr(ours, key), getattr(theirs, key), by
                )


def read_part(evidence: Evidence, part: str) -> list[Utterance] | Finding:
    """The utterances of manifests/PART.jsonl, or what is wrong with it."""
    folder, name = evidence.need_folder(), f"manifests/{part}.jsonl"
    path = folder.manifest(part)
    if not path.is_file():
        return Finding("missing", name, "nothing", "", "this file is missing")
    try:
        return list(read_manifest(path))
    except ManifestError as error:
        return Finding("invalid", name, "", "", str(error).replace(f"{folder.path}/", ""))


def _keys(evidence: Evidence, part: str, name: str) -> Iterator[Finding]:
    """Lines as this project writes them: every key, and no other, which readers would pass over."""
    known = {field.name for field in fields(Utterance)}
    needed = known - {"audio_digest"} if evidence.format == 1 else known
    for number, tree in read_lines(evidence.need_folder().manifest(part), name):
        if isinstance(tree, Finding):
            yield tree
        elif not needed <= set(tree) <= known:
            message = f"line {number} has the keys {', '.join(tree)}; expected {', '.join(sorted(known))}"
            yield Finding("invalid", name, "", "", message)


def _same_split(key: str, split: Split, utterances: Sequence[Utterance], name: str) -> Iterator[Finding]:
    found, expected = _describe(utterances), split.model_dump(mode="json")
    deciding = "manifest" if split.manifest else "digest"  # format 1 has no digest of the lines
    if found[deciding] != expected[deciding]:
        ours, theirs = found[deciding], expected[deciding]
        message = f"altered: its lines have the digest {brief(ours)}, {key}.{deciding} is {brief(theirs)}"
        yield Finding("altered", name, shown(ours), shown(theirs), message)
    for inner, ours, theirs in differences(expected, found, key):
        if split.manifest or inner != f"{key}.manifest":
            yield contradiction(inner, ours, theirs, name)


def _describe(utterances: Sequence[Utterance]) -> dict[str, object]:
    """As a Split of the record."""
    return {
        "utterances": len(utterances),
        "seconds": round(sum(utterance.duration for utterance in utterances), 3),
        "speakers": len({utterance.speaker for utterance in utterances} - {""}),
        "digest": identity(utterance.digest for utterance in utterances),
        "manifest": manifest_digest(utterances),
    }


def _utterances(utterances: Sequence[Utterance], name: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for utterance in utterances:
        if utterance.id in seen:
            yield Finding("duplicate", name, "2", "1", f"{utterance.id} is there twice")
        seen.add(utterance.id)
        if utterance.audio_digest:
            expected = digest_of(utterance.audio_digest, utterance.text, utterance.speaker)
            if utterance.digest != expected:
                by = "its audio_digest, text and speaker"
                yield contradiction(f"{name}: {utterance.id}.digest", utterance.digest, expected, by)


def _whole_corpus(record: Record, corpus: CorpusUsed, parts: dict[str, list[Utterance]]) -> Iterator[Finding]:
    """What the parts have together: the identity of the training part, and what the test part shares."""
    own = record.recipe.corpus.dev_split
    # Development data of the corpus's own is no part of its training part.
    of_train = ("train",) if own else ("train", "dev")
    expected = identity(utterance.digest for part in of_train for utterance in parts[part])
    found = corpus.identity.get("train", NOTHING)
    if found != expected and record.recipe.corpus.train_share == 1:  # else the manifests have not all of it
        where = " and ".join(f"manifests/{part}.jsonl" for part in of_train)
        yield contradiction("corpus.identity.train", found, expected, where)
    if record.format > 1:
        leaks = find_leaks(parts, record.recipe.text)
        shared = {"audio": list(leaks.audio), "texts": list(leaks.texts), "speakers": list(leaks.speakers)}
        for key, ours, theirs in differences(corpus.shared.model_dump(mode="json"), shared, "corpus.shared"):
            yield contradiction(key, ours, theirs, "what the manifests share")
    yield from _left_out(record, corpus, parts["train"])


def _left_out(record: Record, corpus: CorpusUsed, train: Sequence[Utterance]) -> Iterator[Finding]:
    """Utterances beyond the recipe's limits are left out, and named."""
    named, limits = {item.id for item in corpus.left_out}, record.recipe.corpus
    for utterance in train:
        within = limits.min_seconds <= utterance.duration <= limits.max_seconds and utterance.text.strip()
        if not within and utterance.id not in named:
            message = f"{utterance.id} has no text, or is beyond corpus.min_seconds and max_seconds, and is not named"
            yield Finding("missing", "corpus.left_out", "nothing", json.dumps(utterance.id), message)
