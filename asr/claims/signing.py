"""Signing what holds, and finding out whether something signed still does."""

from collections.abc import Sequence
from pathlib import Path

from asr.claims.findings import Check, Finding, Report
from asr.claims.verify import verify
from asr.errors import AsrError, RunError, SignatureError
from asr.model.contents import LIST, bundle_sources
from asr.safety.envelope import FORMAT, Envelope, new_envelope, read_envelope
from asr.safety.keys import SigningKey, Trusted
from asr.safety.measure import Unmeasured
from asr.safety.run_list import RunList, files_in
from asr.safety.signed import Signed, check_signed, signers_of
from asr.safety.things import Thing, differences, find_thing, listed_in

NAME, ABOUT = "signature", "each file is as it was signed, by those who had to"


def sign(given: str | Path, key: SigningKey) -> tuple[Signed, bool]:
    """Signs a run, a bundle or a packed model; one more signature where there are some.

    Returns:
        What it is now, and whether this key had not signed it before.

    Raises:
        SignatureError, BundleError, RunError: it is not whole, so nobody should sign it; or the signatures that it
            has do not hold.
        StorageError: the signatures cannot be written beside it.
    """
    thing = find_thing(given)
    if thing.kind == "record":
        raise SignatureError(f"{thing.path}: a record by itself; sign the run that it belongs to")
    listed = _whole(thing)
    envelope, new = _next(thing, listed, key)
    for fault in differences(thing, envelope, listed_in(envelope, str(thing.signatures))):
        raise SignatureError(
            f"{thing.path}: {fault.what} changed while it was to be signed; nothing was signed"
        )
    if new:
        envelope.write(thing.signatures)
    return Signed(thing, signers_of(envelope, (), str(thing.signatures))[0], ()), new


def verify_model(given: str | Path, trusted: Sequence[Trusted]) -> tuple[Report, Signed]:
    """Of a bundle or a packed model: every file against its digests and signatures, and whether it loads.

    What is not as it was signed is not loaded: the libraries that read models were not made for enemies.
    """
    thing = find_thing(given)
    signed = check_signed(thing, trusted)
    unsigned = signed.unsigned and not trusted
    findings: tuple[Finding, ...] = ()
    skipped = "" if unsigned or not signed.faults else "it is not as it was signed, so it is not loaded"
    if not skipped:
        from asr.models.checking import check

        try:
            check(given)
        except AsrError as error:
            findings = (Finding("altered", str(thing.path), "", "", str(error)),)
    whole = Check("model", "every file has its digest, and it loads", findings, skipped)
    checks = (whole,) if unsigned else (whole, signature_check(signed))
    return Report(thing.path, FORMAT, thing.kind, checks), signed


def signature_check(signed: Signed) -> Check:
    """For a report. Who signed is a remark where nobody is trusted yet."""
    wrong = [Finding(fault.code, fault.what, "", "", fault.message) for fault in signed.faults]
    whose = "signed it; whose key that is nobody has said: give it by --key"
    remarks = [
        Finding("unknown-signer", signer.key.fingerprint, "", "", whose, remark=True)
        for signer in signed.signers
        if not signer.known
    ]
    return Check(NAME, ABOUT, (*wrong, *remarks), "")


def _whole(thing: Thing) -> bytes:
    """The list of what is there, after all of it has been checked against the digests that it brings."""
    if thing.kind == "run":
        return _whole_run(thing)
    from asr.models.checking import check

    checked = check(thing.path)
    if thing.kind == "bundle":
        belong = {*bundle_sources(thing.path), LIST}
        for name, _ in files_in(thing.path, run=False):
            if name not in belong:
                raise SignatureError(f"{thing.path / name}: no part of the model; remove it, then sign")
    return checked.contents.to_bytes()


def _whole_run(thing: Thing) -> bytes:
    files = {}
    for name, file in files_in(thing.path, run=True):
        if isinstance(file, Unmeasured):
            raise SignatureError(f"{thing.path / name}: {file.message}; remove it, then sign")
        if name.rpartition("/")[2].startswith("."):
            raise SignatureError(f"{thing.path / name}: no file of a run; remove it, then sign")
        files[name] = file
    report = verify(thing.path)
    # A leak alters nothing: whoever verifies is told of it, whoever signs says whose run it is.
    wrong = [finding for finding in report.findings if not finding.remark and finding.code != "leak"]
    if wrong:
        raise RunError(
            f"{thing.path}: not signed: {wrong[0].what}: {wrong[0].message} (`asr verify` has all {len(wrong)})"
        )
    return RunList(files=files).to_bytes()


def _next(thing: Thing, listed: bytes, key: SigningKey) -> tuple[Envelope, bool]:
    """The signatures with this one, and whether it was not among them before."""
    (kind,) = thing.payload_types
    if not thing.signatures.exists():
        return new_envelope(kind, listed, key), True
    envelope = read_envelope(thing.signatures)
    anew = f"to sign it anew, remove {thing.signatures} first"
    if envelope.payloadType != kind or envelope.list != listed:
        raise SignatureError(f"{thing.path}: something else was signed before; {anew}")
    for one in envelope.signatures:
        if not envelope.holds(one):
            raise SignatureError(f"{thing.signatures}: the signature of {one.keyid} does not hold; {anew}")
    if any(one.key.raw == key.public.raw for one in envelope.signatures):
        return envelope, False
    return envelope.signed_by(key), True
