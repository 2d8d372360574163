"""Does decoding again give what the run has: transcripts from the bundle, identities from the audio."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

from asr.claims.checks.corpus import PARTS, read_part
from asr.claims.checks.hypotheses import read_hypotheses
from asr.claims.checks.scored import all_scored
from asr.claims.evidence import Evidence
from asr.claims.findings import Finding, NotChecked, brief, shown
from asr.errors import AudioError, BundleError
from asr.manifest import Utterance, audio_digest, digest_of

Progress = Callable[[str, int, int], None]  # (what, done, total)


def check_transcripts(evidence: Evidence, progress: Progress) -> Iterator[Finding]:
    """Each utterance of dev and test alone, in another order, has the same transcript as in the run's batches.

    So does the search of the run, with what the bundle carries.
    """
    record, folder = evidence.need_record(), evidence.need_folder()
    scored = all_scored(record)
    utterances = {part: _readable(evidence, part) for part in ("dev", "test")}
    before = {each.file(part): _texts(evidence, each.file(part)) for each in scored for part in utterances}
    import torch

    from asr.audio import read_audio
    from asr.decoding.bundled import bundled_decoder, reader_of
    from asr.model.bundle import load_bundle
    from asr.model.hearings import Hearings
    from asr.transcribe.hear import posteriors

    try:
        bundle = load_bundle(folder.bundle)
        which: tuple[Literal["greedy", "beam"], ...] = ("greedy", "beam")
        decoders = [bundled_decoder(folder.bundle, bundle, name) for name in which[: len(scored)]]
        readers = [reader_of(folder.bundle, bundle, decoder) for decoder in decoders]
    except BundleError as error:
        raise NotChecked(str(error).replace(f"{folder.path}/", "")) from None
    torch.set_num_threads(1)
    front_end, network = bundle.description.front_end, bundle.description.model
    hearings = [Hearings.of(decoder.hearings, front_end, network) for decoder in decoders]
    hear = partial(posteriors, bundle.model)
    rate = front_end.sample_rate
    for part in utterances:
        for done, u in enumerate(_shuffled(utterances[part]), 1):
            progress(f"decoding {part} again", done, len(utterances[part]))
            try:
                audio = read_audio(u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=rate)
            except AudioError as error:
                yield Finding("unreadable", f"{scored[0].file(part)}: {u.id}", "", "", str(error))
                continue
            heard = {often: often(audio.samples, hear) for often in dict.fromkeys(hearings)}
            for each, reader, often in zip(scored, readers, hearings, strict=True):
                text = reader(heard[often]).text
                yield from _same_text(each.file(part), u.id, text, before[each.file(part)])


def _texts(evidence: Evidence, name: str) -> dict[str, str]:
    return {item.id: item.hypothesis for item in read_hypotheses(evidence, name).hypotheses}


def _same_text(name: str, utterance: str, text: str, before: Mapping[str, str]) -> Iterator[Finding]:
    """Where an utterance has no hypothesis, the check of references has named it."""
    if utterance in before and text != before[utterance]:
        ours, theirs = before[utterance], text
        message = f"decoded alone: {brief(theirs)}, in the run: {brief(ours)}"
        yield Finding("other-transcript", f"{name}: {utterance}", shown(ours), shown(theirs), message)


def check_audio(evidence: Evidence, progress: Progress) -> Iterator[Finding]:
    """The audio that the manifests name has the samples that it had."""
    from asr.audio import read_pcm16

    evidence.need_record()
    evidence.need_folder()
    for part in PARTS:
        utterances = _readable(evidence, part)
        for done, u in enumerate(utterances, 1):
            progress(f"decoding audio of {part}", done, len(utterances))
            what = f"manifests/{part}.jsonl: {u.id}"
            try:
                samples, sample_rate = read_pcm16(
                    u.audio_filepath, offset=u.offset, duration=u.duration or None
                )
            except AudioError as error:
                yield Finding("unreadable", what, "", shown(u.digest), str(error))
                continue
            found = digest_of(audio_digest(samples, sample_rate), u.text, u.speaker)
            if found != u.digest:
                message = f"{u.audio_filepath} has other samples now: digest {brief(found)}, it was {brief(u.digest)}"
                yield Finding("other-audio", what, shown(found), shown(u.digest), message)


def _readable(evidence: Evidence, part: str) -> list[Utterance]:
    found = read_part(evidence, part)
    if isinstance(found, Finding):
        raise NotChecked(f"{found.what}: {found.message}")
    return found


def _shuffled(utterances: Sequence[Utterance]) -> list[Utterance]:
    """In an order that has to do with neither length nor place."""
    return sorted(utterances, key=lambda utterance: hashlib.sha256(utterance.id.encode()).hexdigest())
