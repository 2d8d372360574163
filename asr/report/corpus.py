"""Section of a report: what the model learned from and was judged by."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from asr.corpora.registry import NAMES, get_reader
from asr.errors import TokenizerError
from asr.manifest import Utterance
from asr.report.markup import Html, element, figure, folded, join, note, table
from asr.report.material import PARTS, Run
from asr.report.plot import Axis, bar_plot
from asr.report.scale import linear_ticks
from asr.runs.record import CorpusUsed
from asr.text import normalise

LISTED = 200  # utterances, speakers or tokens that a table names
BARS = 30
READ = 20_000  # texts of a part that are read, at even distances where there are more
_TONES = {"train": "t0", "dev": "t1", "test": "t2"}


def data(runs: Sequence[Run]) -> Html:
    """Each corpus once, whichever runs had it."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.record.corpus:
            key = " ".join(sorted(part.digest for part in run.record.corpus.splits.values()))
            found.setdefault(f"{key} {run.record.recipe.text}", []).append(run)
    if not found:
        return note("No run has read its corpus yet.")
    return join(_corpus(each, len(found) > 1) for each in found.values())


def corpus_title(corpus: CorpusUsed) -> str:
    """As its reader calls it."""
    return get_reader(corpus.name).title if corpus.name in NAMES else corpus.name


def _corpus(runs: Sequence[Run], several: bool) -> Html:
    run = next((each for each in runs if each.utterances), runs[0])
    corpus = run.record.corpus
    assert corpus is not None
    said = f"{corpus_title(corpus)}. Compared with its lock file: {corpus.lock}."
    if corpus.synthetic:
        said += f" This is synthetic speech, made by {corpus.maker or 'a program'}: people speak otherwise."
    heading = element("h3", f"{corpus.name}: ", ", ".join(each.label for each in runs)) if several else None
    lengths: Html = note(
        "Their lengths, texts and speakers are in the manifests of the run, which are not here."
    )
    symbols = None
    if run.utterances:
        texts = _texts(run)
        lengths, symbols = element("div", *_lengths(run, texts), class_="grid"), _symbols(run, texts)
        if any(len(each) > READ for each in run.utterances.values()):
            lengths = join(
                [lengths, note(f"Words and symbols are counted in {READ:,} texts of a part or fewer.")]
            )
    shown_parts = [heading, element("p", said), _parts(corpus), lengths, _speakers(run), symbols]
    return join([*shown_parts, *_left_out(corpus), *_shared(corpus)])


def _parts(corpus: CorpusUsed) -> Html:
    rows = [
        [
            element("span", name, class_=f"run {_TONES.get(name, 't3')}"),
            f"{part.utterances:,}",
            f"{part.seconds / 60:,.1f}",
            f"{part.seconds / max(1, part.utterances):.2f}",
            part.speakers or "not named",
            part.digest[:16],
        ]
        for name, part in corpus.splits.items()
    ]
    headings = ("part", "utterances", "minutes", "mean seconds", "speakers", "identity")
    return table("Parts of the corpus", headings, rows)


def _lengths(run: Run, texts: Mapping[str, Sequence[str]]) -> Iterator[Html]:
    seconds = {part: [each.duration for each in run.utterances[part]] for part in PARTS}
    yield _histogram("Length of utterances", seconds, "seconds")
    words = {part: [len(text.split()) for text in each] for part, each in texts.items()}
    yield _histogram("Words of utterances", words, "words")


def _histogram(title: str, values: dict[str, list[float]] | dict[str, list[int]], unit: str) -> Html:
    every = [value for each in values.values() for value in each]
    if unit == "words":
        step = max(1, -(-max(every) // BARS)) if every else 1
        edges = [number * step - 0.5 for number in range(int(max(every, default=0) // step) + 2)]
    else:
        ticks = linear_ticks(0, max([*every, 0.1]))
        step = (ticks[1] - ticks[0]) / 5 if len(ticks) > 1 else ticks[-1]
        edges = [number * step for number in range(int(max(every, default=0) // step) + 2)]
    groups = []
    for part, each in values.items():
        counts = Counter(min(len(edges) - 2, int((value - edges[0]) // step)) for value in each)
        groups.append((part, [counts[bar] for bar in range(len(edges) - 1)]))
    ordered = sorted(every)
    said = "none"
    if ordered:
        half, most = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
        said = f"median {half:.3g}, 95 % up to {most:.3g}, longest {ordered[-1]:.3g} {unit}"
    rows = [
        [f"{low:.4g} to {high:.4g}", *(counts[bar] for _, counts in groups)]
        for bar, (low, high) in enumerate(pairwise(edges))
    ]
    numbers = folded("Numbers", table(f"{title}, {unit}", (unit, *values), rows))
    plot = bar_plot(
        f"{title}: {said}", [(_TONES[part], counts) for part, counts in groups], edges, Axis(unit)
    )
    return figure(join([element("b", title), f": {said}"]), plot, numbers)


def _speakers(run: Run) -> Html | None:
    rows = []
    for part, utterances in run.utterances.items():
        found: dict[str, list[Utterance]] = {}
        for each in utterances:
            found.setdefault(each.speaker or "not named", []).append(each)
        for name, each_of in sorted(found.items(), key=lambda item: -len(item[1])):
            minutes = sum(each.duration for each in each_of) / 60
            rows.append([name, part, f"{len(each_of):,}", f"{minutes:.2f}"])
    if not rows:
        return None
    more = note(f"and {len(rows) - LISTED:,} more") if len(rows) > LISTED else None
    headings = ("speaker", "part", "utterances", "minutes")
    return folded(f"Speakers ({len(rows):,})", table("Speakers", headings, rows[:LISTED], words=2), more)


def _symbols(run: Run, texts: Mapping[str, Sequence[str]]) -> Html:
    characters = {part: Counter("".join(each)) for part, each in texts.items()}
    tables = [_counts("Characters of the normalised texts", characters)]
    if run.tokenizer:
        tokens = {part: Counter(_tokens(run, each)) for part, each in texts.items()}
        tables.append(_counts(f"Tokens ({run.record.recipe.tokenizer.kind}, {run.tokenizer.size})", tokens))
    return element("div", *tables, class_="grid")


def _texts(run: Run) -> dict[str, list[str]]:
    """Normalised, of each part; of a large one as many as can be read in a moment."""
    found = {}
    for part in PARTS:
        utterances, version = run.utterances[part], run.record.recipe.text
        rows = range(0, len(utterances), max(1, -(-len(utterances) // READ)))
        found[part] = [normalise(utterances[row].text, version) for row in rows]
    return found


def _tokens(run: Run, texts: Sequence[str]) -> Iterator[str]:
    from asr.decoding.vocabulary import vocabulary_of

    assert run.tokenizer is not None
    vocabulary = vocabulary_of(run.tokenizer)
    for text in texts:
        try:
            yield from (vocabulary.name(token) for token in run.tokenizer.encode(text))
        except TokenizerError:
            yield "cannot be written"


def _counts(title: str, counts: dict[str, Counter[str]]) -> Html:
    total: Counter[str] = sum(counts.values(), Counter())
    most = max(total.values(), default=1)
    rows = [
        [shown(symbol), bar(count, most), *(f"{each[symbol]:,}" for each in counts.values())]
        for symbol, count in total.most_common(LISTED)
    ]
    summary = f"{title}: {len(total)} different, {sum(total.values()):,} in all"
    return folded(summary, table(title, ("symbol", "", *counts), rows, class_="bars"))


def bar(count: int, most: int) -> Html:
    """A small bar for a table."""
    width = max(1.0, 100 * count / most)
    drawn = element("rect", x=0, y=0, width=f"{width:.1f}", height=8, rx=2, class_="bar t0")
    return element(
        "svg", drawn, viewBox="0 0 100 8", class_="small", aria_hidden="true", preserveAspectRatio="none"
    )


def shown(symbol: str) -> str:
    """A symbol so that it can be seen."""
    return "␣" if symbol == " " else symbol


def _left_out(corpus: CorpusUsed) -> Iterator[Html]:
    if not corpus.left_out:
        yield note("No training utterance was left out.")
        return
    rows = [[item.id, item.reason] for item in corpus.left_out[:LISTED]]
    count = len(corpus.left_out)
    yield folded(
        f"{count:,} training utterance{'s' * (count > 1)} left out, with reasons",
        table("Left out of training", ("utterance", "reason"), rows, words=2),
        note(f"and {count - LISTED:,} more, in record.json") if count > LISTED else None,
    )


def _shared(corpus: CorpusUsed) -> Iterator[Html]:
    waived = ", ".join(corpus.waived) or "nothing"
    shared = {kind: found for kind, found in corpus.shared.model_dump().items() if found}
    if not shared:
        yield note("The test part shares neither audio nor texts nor speakers with training and development.")
        return
    rows = [
        [kind, f"{len(found):,}", "yes" if kind in corpus.waived else "no"] for kind, found in shared.items()
    ]
    yield table(
        "What the test part shares with training and development",
        ("kind", "how many", "waived by the recipe"),
        rows,
    )
    yield note(
        f"Waived by the recipe: {waived}. Texts and audio count test utterances, speakers count people."
    )
