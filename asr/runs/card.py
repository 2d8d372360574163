"""The model card: README.md in a bundle, for whoever finds the model without its run.

Markdown, with the front matter that the Hugging Face hub reads. Neither times nor the machine are in
it, so the same run writes the same card.
"""

import json
from collections.abc import Iterator

from asr.corpora.reading import Reader
from asr.corpora.registry import NAMES, get_reader
from asr.files import write_text
from asr.model.contents import CARD
from asr.runs.folder import RunFolder
from asr.runs.record import CorpusUsed, Record, Result, Searched

_UNTRUSTED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"} | {"\n": " ", "\r": " "})


def write_card(folder: RunFolder, record: Record) -> None:
    """Into the bundle of a run that has its test result."""
    write_text(folder.bundle / CARD, model_card(record))


def model_card(record: Record) -> str:
    """The card of a run that has its test result.

    Raises:
        ValueError: it has none.
    """
    if record.corpus is None or record.model is None or "test" not in record.results:
        raise ValueError("a model card needs a corpus, a model and a test result")
    corpus = record.corpus
    reader = get_reader(corpus.name) if corpus.name in NAMES else None
    title = reader.title if reader else corpus.name
    parts = (
        _front_matter(record, corpus, title, reader),
        f"# {_safe(record.recipe.name)}",
        _summary(record, corpus, title),
        "## Results\n\n" + "\n".join(_results(record)),
        _about_results(record),
        "## Trained on\n\n" + "\n".join(_trained_on(record, corpus, title, reader)),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _limits(record, corpus, reader)),
        _use(record),
        "## Digests\n\n" + "\n".join(_digests(record)),
    )
    return "\n\n".join(parts) + "\n"


def _front_matter(record: Record, corpus: CorpusUsed, title: str, reader: Reader | None) -> str:
    """YAML, every value written as JSON, which YAML reads alike."""
    test = {"name": title, "type": corpus.name, "split": "test"}
    if reader and reader.language:
        test["args"] = f"language: {reader.language}"
    task = {"name": "Automatic Speech Recognition", "type": "automatic-speech-recognition"}
    result = {"task": task, "dataset": test, "metrics": [*_metrics(record)]}
    keys: dict[str, object] = {
        **({"language": [reader.language]} if reader and reader.language else {}),
        "library_name": "attest-asr",
        "pipeline_tag": "automatic-speech-recognition",
        "tags": ["automatic-speech-recognition", "speech", "ctc", "attest"]
        + ["synthetic-speech"] * corpus.synthetic,
        "metrics": ["wer", "cer"],
        "model-index": [{"name": record.recipe.name, "results": [result]}],
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=True)}" for name, value in keys.items()]
    return "\n".join(["---", *lines, "---"])


def _metrics(record: Record) -> Iterator[dict[str, object]]:
    """Rates in percent, as the hub shows them."""
    for how, result in _decoded(record, "test"):
        kind = "wer" if result.unit == "word" else "cer"
        yield {"type": kind, "value": round(100 * result.wer, 2), "name": f"Test {kind.upper()}, {how}"}
        if result.unit == "word":
            yield {"type": "cer", "value": round(100 * result.cer, 2), "name": f"Test CER, {how}"}


def _decoded(record: Record, part: str) -> Iterator[tuple[str, Result]]:
    if part in record.results:
        yield "greedy decoding", record.results[part]
    if record.search and part in record.search.results:
        yield "beam search", record.search.results[part]


def _summary(record: Record, corpus: CorpusUsed, title: str) -> str:
    assert record.model is not None
    tokens = (
        f"{record.tokenizer.size} {record.tokenizer.kind}"
        if record.tokenizer
        else record.recipe.tokenizer.kind
    )
    text = (
        f"Speech to text: a recurrent network with CTC over {tokens} (the blank included), "
        f"{record.model.parameters:,} parameters, for audio of {record.recipe.front_end.sample_rate:,} Hz "
        f"(other rates are resampled). Trained with Attest on {_safe(title)}, seed {record.recipe.seed}."
    )
    if corpus.synthetic:
        text += f" **The speech is synthetic**, made by {_safe(corpus.maker or 'a program')}."
    if record.initial:
        text += f" It began with the weights of the model {_safe(record.initial.name)}."
    risk = record.recipe.risk
    if risk.kind != "none":
        found = "best" if risk.kind == "n-best" else "drawn"
        text += f" It learned from the expected {risk.unit} errors of {risk.hypotheses} {found} hypotheses."
    return text


def _results(record: Record) -> Iterator[str]:
    unit = record.results["test"].unit
    rate = "WER" if unit == "word" else "CER"
    other = "CER" if unit == "word" else "CER with spaces"
    yield f"| part | decoding | {rate} | 95 % interval | errors / {unit}s | {other} | utterances with errors |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for part in ("test", "dev"):
        for how, result in _decoded(record, part):
            words = result.words
            errors = words.substitutions + words.deletions + words.insertions
            low, high = result.wer_interval_95
            yield (
                f"| {part} | {how} | {_percent(result.wer)} | {_percent(low)} to {_percent(high)} | "
                f"{errors} / {words.reference_length} | {_percent(result.cer)} | "
                f"{result.wrong_sentences} of {result.sentences} |"
            )


def _about_results(record: Record) -> str:
    text = (
        "The interval is a bootstrap over utterances: what another choice of test utterances could have given, "
        "not another seed or other speakers. The weights are those of the best epoch on dev, so dev flatters; "
        "test was decoded once."
    )
    if record.search:
        text += f" {_search(record.search)}"
    return text


def _search(search: Searched) -> str:
    model, lexicon = search.language_model, search.lexicon
    using = []
    if model:
        source = "the training texts" if model.source == "train" else _safe(model.source)
        using.append(f"a {model.order}-gram language model of {source}")
    if lexicon:
        using.append(f"{'an open' if lexicon.open else 'a closed'} lexicon of {lexicon.words} words")
    having = f" has {' and '.join(using)}, which are in this folder" if using else " has no language model"
    chosen = "; its weights were chosen on dev" * bool(search.surface)
    scored = ""
    if search.attention:
        scored = (
            f" Of what it proposes the model's attention decoder scores the best {search.attention.readings}, with a "
            f"weight of {search.attention.weight:g} beside CTC."
        )
    return f"The beam search{having}{chosen}.{scored}"


def _trained_on(record: Record, corpus: CorpusUsed, title: str, reader: Reader | None) -> Iterator[str]:
    licence = reader.licence if reader else "not known"
    yield f"{_safe(title)} (licence of the corpus: {_safe(licence)}), texts normalised as {record.recipe.text}."
    yield ""
    yield "| part | utterances | minutes | speakers |"
    yield "| --- | --- | --- | --- |"
    for name, part in corpus.splits.items():
        yield f"| {name} | {part.utterances:,} | {part.seconds / 60:.1f} | {part.speakers or 'not named'} |"
    if corpus.left_out:
        yield f"\n{len(corpus.left_out)} training utterances were left out; record.json of the run names each."


def _limits(record: Record, corpus: CorpusUsed, reader: Reader | None) -> Iterator[str]:
    train = corpus.splits["train"]
    about = [f"{train.speakers} speaker{'s' * (train.speakers != 1)}"] if train.speakers else []
    about += [f"language: {reader.language}"] if reader and reader.language else []
    heard = f" ({', '.join(about)})" if about else ""
    before = ", besides what the model that it began with has heard" * bool(record.initial)
    yield (
        f"It has heard {_duration(train.seconds)} of one corpus{heard}{before}. How well it hears other accents, "
        "ages, microphones, noise and subjects was not measured; expect it to be worse."
    )
    if corpus.synthetic:
        yield "Nobody has spoken to it: the error rate says nothing about people."
    shared = {kind: len(found) for kind, found in corpus.shared.model_dump().items() if found}
    for kind, count in shared.items():
        of = f"{count} test utterances" if kind != "speakers" else f"{count} speakers of the test part"
        allowed = (
            "the recipe allows it"
            if kind in corpus.waived
            else "**the recipe does not allow it: no claim is made**"
        )
        yield f"The test part shares {kind} with what was learned from or decided when to stop ({of}); {allowed}."
    if record.tokenizer and record.tokenizer.pronunciations:
        count = record.tokenizer.pronunciations.words
        yield f"It writes words of its pronunciation lexicon ({count:,}) or of its search's, and no others."
    yield (
        "It writes what it learned to write: no punctuation and no capitals where the normalised texts have "
        "none. It always answers, also to noise."
    )


def _use(record: Record) -> str:
    decoder = " The search is used where the folder has one." if record.search else ""
    return (
        "## Use\n\n"
        "    asr transcribe speech.flac --model FOLDER\n\n"
        "```python\n"
        "from asr import Transcriber\n\n"
        'print(Transcriber("FOLDER")("speech.flac").text)\n'
        "```\n\n"
        f"FOLDER is this folder; nothing else is needed.{decoder} The terms of the weights are for whoever "
        "publishes them to say, with the licence of the corpus in mind."
    )


def _digests(record: Record) -> Iterator[str]:
    assert record.corpus is not None
    assert record.model is not None
    yield "Whoever has the record.json of the run can check this with `asr verify`, and repeat it with `asr reproduce`."
    yield ""
    yield "| what | SHA-256 |"
    yield "| --- | --- |"
    yield f"| weights (names, shapes, values) | `{record.model.weights_digest}` |"
    yield f"| recipe | `{record.recipe_digest}` |"
    if record.tokenizer:
        yield f"| tokenizer | `{record.tokenizer.digest}` |"
    for name, part in record.corpus.splits.items():
        yield f"| {name} part: audio, texts, speakers | `{part.digest}` |"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"


def _safe(text: str) -> str:
    """Text of others as text: no markup of Markdown or HTML."""
    return text.translate(_UNTRUSTED)
