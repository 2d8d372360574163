"""What a run is and shows, in sentences, for whoever finds it without knowing Attest."""

from asr.corpora.registry import get_reader
from asr.runs.record import CorpusUsed, Record, Result, Searched

_LOCK = {  # what is worth saying of the comparison with a lock file
    "differs": "is not the one of its lock file",
    "written": "had no lock file; one was written",
    "no lock": "has no lock file",
    "not checked": "was not compared with a lock file",
}


def result_in_words(record: Record) -> str:
    """A paragraph: the error rate with its interval, and all that it must not be read without."""
    corpus, result = record.corpus, record.results["test"]
    assert corpus is not None  # of a complete run
    words = result.words
    sentences = [
        f"Speech recognition with a word error rate of {_percent(result.wer)} (95 % interval {_interval(result)}; "
        f"{words.substitutions} substitutions, {words.deletions} deletions and {words.insertions} insertions in "
        f"{words.reference_length} words) on the {result.sentences} utterances of the test part of "
        f"{get_reader(corpus.name).title}. One run with seed {record.recipe.seed}."
    ]
    if record.search:
        sentences.append(_search_in_words(record.search))
    if corpus.synthetic:
        sentences.append("The speech is synthetic: this says nothing about how well people are recognised.")
    if shared := _shared(corpus):
        found = ", ".join(f"{count} {kind}" for kind, count in shared.items())
        sentences.append(
            f"The test part shares with the data that was learned from or decided when to stop: {found}."
        )
    if refused := _refused(corpus):
        sentences.append(
            f"The recipe does not waive {' and '.join(refused)}: nothing is claimed by this error rate."
        )
    if corpus.lock in _LOCK:
        sentences.append(f"The corpus {_LOCK[corpus.lock]}.")
    if record.recipe.numerics.determinism == "off":
        sentences.append("Determinism was off: the same again may give another result.")
    return " ".join(sentences)


def _search_in_words(search: Searched) -> str:
    """A sentence or two on the search besides greedy decoding."""
    result, model, lexicon = search.results["test"], search.language_model, search.lexicon
    parts = []
    if model:
        of = {"train": "the training texts"}.get(model.source, model.source)
        parts.append(f"a {model.order}-gram model of {of}")
    if lexicon:
        parts.append(f"{'an open' if lexicon.open else 'a closed'} lexicon of {lexicon.words} words")
    if search.attention:
        parts.append(f"an attention decoder (weight {search.attention.weight:g})")
    using = f" with {' and '.join(parts)}" if parts else ""
    chosen = ", its weights chosen on the development part" * bool(search.surface)
    known = ""
    if model and (seen := (model.shared or {}).get("test")):
        known = f" The texts of that model have {seen} of the {result.sentences} test texts."
    rate = f"{_percent(result.wer)} ({_interval(result)})"
    return f"That is greedy decoding; a beam search{using}{chosen}, has {rate}.{known}"


def _shared(corpus: CorpusUsed) -> dict[str, int]:
    """How much of each kind the test part has in common with the other parts."""
    found: dict[str, list[str]] = corpus.shared.model_dump()
    return {kind: len(what) for kind, what in found.items() if what}


def _refused(corpus: CorpusUsed) -> list[str]:
    """Kinds of sharing that the record does not waive by name: they block any claim."""
    return [kind for kind in _shared(corpus) if kind not in corpus.waived]


def title(record: Record) -> str:
    """A line: what was recognised, and how well, if that may be claimed."""
    assert record.corpus is not None
    synthetic = ", synthetic speech" * record.corpus.synthetic
    rate = f"word error rate {_percent(record.results['test'].wer)}"
    if refused := _refused(record.corpus):
        rate = f"no error rate claimed (the test part shares {' and '.join(refused)})"
    return f"{record.recipe.name}: speech recognition on {record.corpus.name}{synthetic}, {rate}"


def action_in_words(record: Record) -> str:
    """A line: the command, and the machine without its name."""
    sessions, last = len(record.sessions), record.sessions[-1]
    interrupted = f", in {sessions} sessions" if sessions > 1 else ""
    where = f"{record.environment.processor or record.environment.machine}, {record.environment.system}"
    return f"{record.command or 'asr run'} on {last.device}{interrupted}. {where}, Python {record.environment.python}"


def corpus_in_words(corpus: CorpusUsed) -> str:
    """A paragraph: what the corpus is and what the parts are."""
    reader = get_reader(corpus.name)
    sentences = [f"{reader.title}, as a training run of Attest used it."]
    if corpus.synthetic:
        sentences.append(
            f"This is synthetic speech, made by {corpus.maker or 'a program'} and not spoken by people."
        )
    for name, part in corpus.splits.items():
        speakers = f", {part.speakers} speaker{'s' * (part.speakers > 1)}" if part.speakers else ""
        sentences.append(
            f"{name}: {part.utterances} utterances, {part.seconds / 60:.1f} minutes{speakers}, identity {part.digest}."
        )
    if corpus.left_out:
        sentences.append(
            f"{len(corpus.left_out)} utterances of train were left out of training, see record.json."
        )
    if corpus.source_sha256:
        sentences.append(f"It was read from {corpus.source}, SHA-256 {corpus.source_sha256}.")
    sentences.append("The audio is not here; a copy of it is known by the digests of its utterances.")
    return " ".join(sentences)


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"


def _interval(result: Result) -> str:
    low, high = result.wer_interval_95
    return f"{_percent(low)} to {_percent(high)}"
