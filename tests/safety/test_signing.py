"""What is signed and what is not, by whom, and where the signatures go."""

import shutil
from pathlib import Path

import pytest
from faults_found import faults, files, flip, trust
from small_bundle import write_bundle

from asr.claims.signing import sign, verify_model
from asr.claims.verify import verify
from asr.errors import AsrError, SignatureError
from asr.models.packing import pack, unpack
from asr.safety.keys import SigningKey, Trusted, new_signing_key
from asr.safety.signed import check_signed
from asr.safety.things import find_thing


def test_signatures_go_with_a_packed_model(
    packed: tuple[Path, bytes], tmp_path: Path, key: SigningKey
) -> None:
    path, _ = packed
    assert faults(path, key) == {}
    unpack(path, tmp_path / "unpacked")
    assert faults(tmp_path / "unpacked", key) == {}
    assert (tmp_path / "unpacked" / "digests.json").is_file()
    (tmp_path / "unpacked" / "digests.json").write_bytes(b"{}")
    assert faults(tmp_path / "unpacked", key) == {"digests.json": "altered"}


def test_a_packed_model_with_the_signatures_of_another(
    packed: tuple[Path, bytes], tmp_path: Path, key: SigningKey
) -> None:
    path = tmp_path / "other.tar"
    pack(write_bundle(tmp_path / "bundle"), path)
    shutil.copy(f"{packed[0]}.signatures.json", f"{path}.signatures.json")
    assert faults(path, key)["model.json"] == "altered"
    with pytest.raises(SignatureError, match=r"other\.tar\.signatures\.json: signatures of something else"):
        unpack(path, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_signatures_of_a_run_in_a_bundle_and_of_another_bundle(
    run: Path, bundle: Path, tmp_path: Path, key: SigningKey
) -> None:
    copy = shutil.copytree(run / "model", tmp_path / "copy")
    shutil.copy(run / "signatures.json", copy)
    assert faults(copy, key) == {"signatures.json": "other-thing"}
    shutil.copy(bundle / "signatures.json", copy)
    found = faults(copy, key)
    assert found["signatures.json"] == "other-thing"
    assert found["model.json"] == found["weights.safetensors"] == "altered"


def test_a_record_that_was_packed_with_its_model(
    run: Path, bundle: Path, tmp_path: Path, key: SigningKey
) -> None:
    """It is in the list of the model, and so it is signed."""
    copy = shutil.copytree(run / "model", tmp_path / "copy")
    shutil.copy(run / "record.json", copy)
    sign(copy, key)
    assert faults(copy / "record.json", key) == {}
    flip(copy / "record.json")
    assert faults(copy / "record.json", key) == {"record.json": "altered"}


def test_a_name_that_leaves_no_room_for_that_of_its_signatures(
    packed: tuple[Path, bytes], tmp_path: Path
) -> None:
    path = tmp_path / f"{'a' * 245}.tar"
    path.write_bytes(packed[1])
    assert verify_model(path, ())[0].verdict == "verified"
    unpack(path, tmp_path / "unpacked")


def test_unsigned_and_signed_by_others(bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    other = new_signing_key()
    assert faults(copy, other) == {"alice.pub": "other-signer"}
    sign(copy, other)  # one more
    assert faults(copy, other) == faults(copy, key) == {}
    third = Trusted("carol.pub", (new_signing_key().public,))
    both = Trusted("either", (new_signing_key().public, key.public))
    thing = find_thing(copy)
    assert check_signed(thing, (both,)).faults == ()
    (fault,) = check_signed(thing, (both, third)).faults  # of each file one
    assert (fault.code, fault.what) == ("other-signer", "carol.pub")
    (copy / "signatures.json").unlink()
    assert faults(copy, key) == {"signatures.json": "unsigned"}
    (copy / "signatures.json").write_bytes((bundle / "signatures.json").read_bytes()[:300])
    assert faults(copy, key) == {"signatures.json": "bad-signature"}


def test_the_record_of_a_run_by_itself(run: Path, tmp_path: Path, key: SigningKey) -> None:
    for name in ("record.json", "signatures.json"):
        shutil.copy(run / name, tmp_path)
    assert faults(tmp_path / "record.json", key) == {}
    flip(tmp_path / "record.json")
    assert faults(tmp_path / "record.json", key) == {"record.json": "altered"}


def test_what_is_not_whole_is_not_signed(bundle: Path, run: Path, tmp_path: Path, key: SigningKey) -> None:
    broken = shutil.copytree(bundle, tmp_path / "bundle")
    (broken / "signatures.json").unlink()
    flip(broken / "weights.safetensors")
    with pytest.raises(AsrError, match=r"weights\.safetensors: altered or damaged"):
        sign(broken, key)
    broken_run = shutil.copytree(run, tmp_path / "run")
    (broken_run / "signatures.json").unlink()
    flip(broken_run / "hypotheses" / "dev.jsonl")
    with pytest.raises(AsrError, match=r"not signed: hypotheses/dev\.jsonl: altered"):
        sign(broken_run, key)
    assert not (broken / "signatures.json").exists() and not (broken_run / "signatures.json").exists()


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "model2/weights.bin"])
def test_a_bundle_with_other_files_is_not_signed(
    name: str, bundle: Path, tmp_path: Path, key: SigningKey
) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "signatures.json").unlink()
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("x")
    with pytest.raises(SignatureError, match=f"{name}: no part of the model; remove it, then sign"):
        sign(copy, key)


def test_what_changed_is_not_signed_over(bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "README.md").write_text("a card\n")
    before = (copy / "signatures.json").read_bytes()
    with pytest.raises(SignatureError, match="something else was signed before; to sign it anew, remove"):
        sign(copy, key)
    assert (copy / "signatures.json").read_bytes() == before


def test_signing_twice_changes_nothing(bundle: Path, key: SigningKey) -> None:
    before = (bundle / "signatures.json").read_bytes()
    signed, new = sign(bundle, key)
    assert not new and len(signed.signers) == 1
    assert (bundle / "signatures.json").read_bytes() == before


def test_a_run_is_verified_with_its_signatures_in_it(run: Path) -> None:
    assert verify(run).verdict == "verified"
    assert "hypotheses/test.jsonl" in files(run)


def test_the_model_of_a_run_is_signed_with_the_run(run: Path, key: SigningKey) -> None:
    with pytest.raises(SignatureError, match="the model of a run: give the run"):
        sign(run / "model", key)
    with pytest.raises(SignatureError, match="a record by itself; sign the run"):
        sign(run / "record.json", key)


def test_a_report_of_a_bundle(bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    report, signed = verify_model(bundle, trust(key))
    assert report.verdict == "verified" and [check.outcome for check in report.checks] == ["ok", "ok"]
    assert [str(signer) for signer in signed.signers] == [f"{key.public.fingerprint} (alice.pub)"]
    report, _ = verify_model(bundle, ())
    assert report.verdict == "verified" and report.checks[1].outcome == "remark"
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "signatures.json").unlink()
    report, _ = verify_model(copy, ())
    assert report.verdict == "verified" and len(report.checks) == 1
    report, _ = verify_model(copy, trust(key))
    assert report.verdict == "failed" and report.findings[0].code == "unsigned"
