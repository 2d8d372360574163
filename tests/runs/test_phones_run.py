"""A run whose tokens are phones, from the dictionary to the record, the bundle and the checks."""

import json
from pathlib import Path
from typing import Any

import miniature
import pytest

from asr.claims.verify import verify
from asr.corpora import prepare
from asr.corpora.shard_writer import write_shards
from asr.decoding.lexicon import Lexicon
from asr.errors import AsrError, PronunciationError, RunError, TokenizerError
from asr.model.bundle import load_bundle
from asr.runs.options import RunOptions
from asr.runs.record import Record
from asr.runs.run import run
from asr.tokenizer import PhoneTokenizer
from asr.training.reports import Interrupted

DICTIONARY = "".join(f"{word}  {' '.join(word)}\n" for word in miniature.WORDS) + "GO(2)  O G\nNOT  N O T\n"
PHONES = {"kind": "phones", "pronunciations": "corpus"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = miniature.write_corpus(tmp_path_factory.mktemp("phones"), train=16, test=4)
    (folder / "etc" / "an4.dic").write_text(DICTIONARY)
    return folder


def trained(
    source: Path, folder: Path, tokenizer: dict[str, Any] = PHONES, **changes: Any
) -> tuple[Path, Record]:
    name = changes.pop("name", "an4")
    recipe = miniature.recipe(tokenizer=tokenizer, train__epochs=1, corpus__name=name)
    stop = changes.pop("stop", lambda: False)
    options = {"corpus": source, "out": folder / "run", "cache": folder / "cache", "check_lock": False}
    return run(recipe, RunOptions(**options | changes), should_stop=stop)


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record]:
    return trained(corpus, tmp_path_factory.mktemp("finished"))


def test_the_record_says_where_the_pronunciations_come_from(finished: tuple[Path, Record]) -> None:
    _, record = finished
    assert record.status == "complete"
    assert record.tokenizer is not None
    assert record.tokenizer.kind == "phones"
    assert record.tokenizer.pronunciations is not None
    assert (record.tokenizer.pronunciations.source, record.tokenizer.pronunciations.words) == ("an4.dic", 6)
    assert record.results["test"].words.reference_length > 0


def test_the_bundle_needs_no_dictionary(finished: tuple[Path, Record]) -> None:
    folder, record = finished
    tokenizer = load_bundle(folder / "model").tokenizer
    assert isinstance(tokenizer, PhoneTokenizer)
    assert record.tokenizer is not None
    assert tokenizer.digest() == record.tokenizer.digest
    assert tokenizer.decode(tokenizer.encode("go one no")) == "go one no"
    lexicon = Lexicon.of_words(tokenizer.counts, tokenizer)
    found = {word: len(tokenizer.spellings(word)) for word, _ in lexicon.spellings}
    assert found == {"go": 2, "no": 1, "one": 1, "see": 1, "yes": 1}
    assert not (folder / "tokenizer.json").exists()  # it was for processes that follow


def test_the_run_verifies(finished: tuple[Path, Record]) -> None:
    folder, _ = finished
    assert verify(folder).verdict == "verified"
    path = folder / "model" / "model.json"
    before = path.read_text()
    tree = json.loads(before)
    tree["tokenizer"]["pronunciations"]["go"] = ["O G", "G O"]
    path.write_text(json.dumps(tree))
    try:
        found = [finding.what for finding in verify(folder).findings]
    finally:
        path.write_text(before)
    assert "tokenizer.digest" in found
    assert any(what.startswith("tokenizer.pronunciations") for what in found)


def test_long_words_are_left_out_by_name(tmp_path: Path, corpus: Path) -> None:
    lengthy = tmp_path / "long.dict"
    lengthy.write_text(DICTIONARY.replace("YES  Y E S", "YES  " + "Y E S " * 30))
    _, record = trained(corpus, tmp_path, {**PHONES, "pronunciations": "long.dict"}, files=(tmp_path,))
    assert record.corpus is not None
    assert record.corpus.left_out
    assert all("tokens need" in item.reason for item in record.corpus.left_out)
    assert list(record.named_files) == ["long.dict"]


def test_words_without_a_pronunciation(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "my.dict").write_text(DICTIONARY.replace("SEE  ", "SAW  ").replace("ONE  ", "TWO  "))
    with pytest.raises(
        TokenizerError, match=r"my\.dict has no pronunciation for 2 words .*'(see|one)' \(utterance an"
    ):
        trained(corpus, tmp_path, {**PHONES, "pronunciations": "my.dict"}, files=(tmp_path,))


def test_a_run_that_began_with_other_pronunciations(tmp_path: Path, corpus: Path) -> None:
    dictionary = tmp_path / "my.dict"
    dictionary.write_text(DICTIONARY)
    settings = {**PHONES, "pronunciations": "my.dict"}
    with pytest.raises(Interrupted):
        trained(
            corpus, tmp_path, settings, files=(tmp_path,), stop=(tmp_path / "run" / "tokenizer.json").exists
        )
    dictionary.write_text(DICTIONARY.replace("GO  G O", "GO  G G O"))
    with pytest.raises(RunError, match=r"my\.dict"):
        trained(corpus, tmp_path, settings, files=(tmp_path,))


def test_a_corpus_whose_dictionary_was_changed(tmp_path: Path) -> None:
    corpus = miniature.write_corpus(tmp_path, train=16, test=4)
    dictionary = corpus / "etc" / "an4.dic"
    dictionary.write_text(DICTIONARY)
    with pytest.raises(Interrupted):
        trained(corpus, tmp_path, stop=(tmp_path / "run" / "tokenizer.json").exists)
    dictionary.write_text(DICTIONARY.replace("GO  G O", "GO  G G O"))
    with pytest.raises(RunError, match="began with another tokenizer"):
        trained(corpus, tmp_path)


def test_own_recordings_and_shards(tmp_path: Path, corpus: Path) -> None:
    """Their dictionary lies beside the manifests, or is named; where there is none, that is said."""
    packed = tmp_path / "shards"
    write_shards(
        prepare("an4", corpus, tmp_path / "cache", check=False), packed, 1 << 20, progress=lambda *_: None
    )
    with pytest.raises(
        PronunciationError, match=r"no pronunciation lexicon \(shards comes without one\); set it to"
    ):
        trained(packed, tmp_path / "s", name="shards")
    own = tmp_path / "own"
    own.mkdir()
    for split, utterances in prepare("an4", corpus, tmp_path / "cache", check=False).splits.items():
        lines = [
            {"audio_filepath": u.audio_filepath, "duration": u.duration, "text": u.text, "speaker": u.speaker}
            for u in utterances
        ]
        (own / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(AsrError, match=r"there is no pronunciations\.dict in it"):
        trained(own, tmp_path / "m", name="manifest")


def test_the_dictionary_beside_own_recordings_is_found(tmp_path: Path) -> None:
    utterances = miniature.write_utterances(tmp_path / "own" / "wav", ["GO NO"])
    for split in ("train", "test"):
        (tmp_path / "own" / f"{split}.jsonl").write_text(
            json.dumps(
                {"audio_filepath": utterances[0].audio_filepath, "duration": 0, "text": "GO", "id": split}
            )
            + "\n"
        )
    assert prepare("manifest", tmp_path / "own", tmp_path / "cache").pronunciations is None
    (tmp_path / "own" / "pronunciations.dict").write_text(DICTIONARY)
    found = prepare("manifest", tmp_path / "own", tmp_path / "cache").pronunciations
    assert found == tmp_path / "own" / "pronunciations.dict"
