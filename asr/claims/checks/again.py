"""Does decoding again give what the run has: transcripts from the bundle, identities from the audio."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from asr.claims.checks.corpus import PARTS, read_part
from asr.claims.checks.hypotheses import read_hypotheses
from asr.claims.evidence import Evidence
from asr.claims.findings import Finding, NotChecked, brief, shown
from asr.errors import AudioError, BundleError
from asr.manifest import Utterance, audio_digest, digest_of

Progress = Callable[[str, int, int], None]  # (what, done, total)


def check_transcripts(evidence: Evidence, progress: Progress) -> Iterator[Finding]:
    """Each utterance of dev and test alone, in another order, has the same transcript as in the run's batches."""
    evidence.need_record()
    folder = evidence.need_folder()
    heard = {part: (_readable(evidence, part), read_hypotheses(evidence, part)) for part in ("dev", "test")}
    import torch

    from asr.audio import read_audio
    from asr.model.bundle import load_bundle
    from asr.transcribe.hear import hear

    try:
        bundle = load_bundle(folder.bundle)
    except BundleError as error:
        raise NotChecked(str(error).replace(f"{folder.path}/", "")) from None
    torch.set_num_threads(1)
    rate = bundle.description.front_end.sample_rate
    for part, (utterances, file) in heard.items():
        before = {item.id: item.hypothesis for item in file.hypotheses}
        for done, utterance in enumerate(_shuffled(utterances), 1):
            progress(f"decoding {part} again", done, len(utterances))
            u, what = utterance, f"{file.name}: {utterance.id}"
            try:
                audio = read_audio(u.audio_filepath, offset=u.offset, duration=u.duration, sample_rate=rate)
            except AudioError as error:
                yield Finding("unreadable", what, "", "", str(error))
                continue
            text = hear(bundle.model, bundle.tokenizer, [audio.samples])[0]
            if u.id in before and text != before[u.id]:  # where it is not, the references have been named
                message = f"decoded alone: {brief(text)}, in the run: {brief(before[u.id])}"
                yield Finding("other-transcript", what, shown(before[u.id]), shown(text), message)


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
