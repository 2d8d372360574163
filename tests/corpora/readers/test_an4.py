"""The AN4 reader, on a small copy and on the real corpus."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora import PreparedCorpus
from asr.corpora.readers.an4 import READER, read
from asr.errors import CorpusError

Build = Callable[..., Path]


def test_real_corpus(real: Callable[[str], PreparedCorpus]) -> None:
    corpus = real("an4")
    facts = {
        split: (
            len(utterances),
            len({utterance.speaker for utterance in utterances}),
            sum(len(utterance.text.split()) for utterance in utterances),
            round(sum(utterance.duration for utterance in utterances) / 60, 2),  # minutes
        )
        for split, utterances in corpus.splits.items()
    }
    # The counts that other toolkits report.
    assert facts == {"train": (948, 74, 5442, 42.44), "test": (130, 10, 773, 5.95)}
    speakers = [{utterance.speaker for utterance in utterances} for utterances in corpus.splits.values()]
    assert speakers[0].isdisjoint(speakers[1])
    by_id = {utterance.id: utterance.text for utterance in corpus.splits["test"]}
    assert by_id["an406-fcaw-b"] == "RUBOUT G M E F THREE NINE"
    assert not any("<" in utterance.text for utterances in corpus.splits.values() for utterance in utterances)
    assert corpus.source_name == "an4_sphere.tar.gz"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_words_are_matched_by_id(tmp_path: Path, mini_an4: Build, line_end: str) -> None:
    splits = read(mini_an4(tmp_path, line_end=line_end))
    assert [(u.id, u.speaker, u.text) for u in splits["train"]] == [
        ("an251-fash-b", "fash", "YES"),
        ("cen1-fash-b", "fash", "R U B"),
        ("an7-mwhw-b", "mwhw", "GO ON"),
    ]
    assert [(u.id, u.speaker, u.text) for u in splits["test"]] == [
        ("an406-fcaw-b", "fcaw", "HELP"),
        ("cen8-mmxg-b", "mmxg", "ONE TWO"),
    ]
    first = splits["train"][0]
    assert first.audio_filepath == str(tmp_path / "an4/wav/an4_clstk/fash/an251-fash-b.sph")
    assert (first.duration, first.digest, first.lang) == (0.0, "", "en")


def test_missing_audio_is_named(tmp_path: Path, mini_an4: Build) -> None:
    root = mini_an4(tmp_path)
    (root / "wav/an4_clstk/fash/cen1-fash-b.sph").unlink()
    with pytest.raises(
        CorpusError, match=r"audio files of an4_train\.fileids: 1 of 3 missing: an4_clstk/fash/cen1-fash-b"
    ):
        read(root)


def test_missing_transcripts_are_named(tmp_path: Path, mini_an4: Build) -> None:
    root = mini_an4(tmp_path)
    (root / "etc/an4_test.transcription").write_text("HELP (an406-fcaw-b)\n")
    with pytest.raises(
        CorpusError, match=r"an4_test\.transcription: transcripts: 1 of 2 missing: cen8-mmxg-b"
    ):
        read(root)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            "HELP (an406-fcaw-b)\nONE TWO\n",
            r"an4_test\.transcription:2: expected `WORDS \(ID\)`, found 'ONE TWO'",
        ),
        ("HELP (x)\n\nGO (x)\n", r"an4_test\.transcription:3: second transcript of x"),
    ],
)
def test_bad_transcription(tmp_path: Path, mini_an4: Build, lines: str, complaint: str) -> None:
    root = mini_an4(tmp_path)
    (root / "etc/an4_test.transcription").write_text(lines)
    with pytest.raises(CorpusError, match=complaint):
        read(root)


def test_missing_list(tmp_path: Path, mini_an4: Build) -> None:
    root = mini_an4(tmp_path)
    (root / "etc/an4_test.fileids").unlink()
    with pytest.raises(CorpusError, match=r"an4_test\.fileids: missing; expected wav/"):
        read(root)


def test_list_that_is_a_folder(tmp_path: Path, mini_an4: Build) -> None:
    root = mini_an4(tmp_path)
    (root / "etc/an4_test.fileids").unlink()
    (root / "etc/an4_test.fileids").mkdir()
    with pytest.raises(
        CorpusError, match=r"an4_test\.fileids: not a readable file \(Is a directory\); expected wav/"
    ):
        read(root)


def test_list_that_is_no_text(tmp_path: Path, mini_an4: Build) -> None:
    root = mini_an4(tmp_path)
    (root / "etc/an4_test.fileids").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match=r"an4_test\.fileids: not a text file"):
        read(root)


def test_public_addresses() -> None:
    assert READER.source is not None
    *safe, plain = READER.source.urls
    assert plain == "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz"
    assert len(safe) >= 2
    assert all(url.startswith("https://") for url in safe)
