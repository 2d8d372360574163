"""The search of a run for people: what it was made of, and the surface on which its weights were chosen."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asr.evaluation.tuning import Point, Rule, Surface
from asr.runs.record import Searched
from asr.runs.search_used import LanguageModelUsed, LexiconUsed


def lines_of(search: Searched) -> Iterator[str]:
    """What it was made of, a line each."""
    used = search.settings
    weights = [f"language model {used.lm_weight:g}"] * (search.language_model is not None)
    weights += [f"word {used.word_score:g}"] + [f"priors {used.prior_weight:g}"] * bool(search.priors)
    if search.attention:
        weights.append(f"attention {search.attention.weight:g} (over {search.attention.readings} readings)")
    often = f", the mean of {search.hearings} hearings" * (search.hearings > 1)
    how = f"chosen on dev from {len(search.surface)}" if search.surface else "given"
    yield (
        f"search: {used.engine}, beam {used.beam}{often}; weights ({how}): {', '.join(weights)}; real-time factor "
        f"{search.real_time_factor:.4f} on one core"
    )
    if search.language_model:
        yield f"  language model: {_language_model(search.language_model)}"
    if search.lexicon:
        yield f"  lexicon: {_lexicon(search.lexicon)}"


_CHOSEN: dict[Rule, str] = {
    "errors": "fewest word errors, then characters, then the best company",
    "expected": "fewest expected word errors (behind the stroke: over the best readings, by their probabilities)",
}


def print_surface(search: Searched, rule: Rule) -> None:
    """A table for each beam and weight of priors and attention: word errors on dev, a row a language model's weight."""
    console = Console(highlight=False, markup=False)
    if not search.surface:
        console.print("the weights of the search were given by the recipe; nothing was tried", soft_wrap=True)
        return
    surface = Surface(tuple(Point(**point.model_dump()) for point in search.surface), rule)
    tables: dict[tuple[int, float, float], list[Point]] = {}
    for point in surface.points:
        tables.setdefault((point.beam, point.prior_weight, point.attention_weight), []).append(point)
    for (beam, prior, attention), here in sorted(tables.items(), key=lambda item: item[0]):
        title = f"word (character) errors on dev, beam {beam}, priors {prior:g}"
        console.print(
            title + f", attention {attention:g}" * any(point.attention_weight for point in surface.points)
        )
        console.print(_table(here, surface.best))
    console.print(f"* chosen: {_CHOSEN[rule]}", soft_wrap=True)


def _table(points: Sequence[Point], best: Point) -> Table:
    scores = sorted({point.word_score for point in points})
    table = Table()
    table.add_column("language model", justify="right")
    for score in scores:
        table.add_column(f"word {score:g}", justify="right")
    there = {(point.lm_weight, point.word_score): point for point in points}
    for weight in sorted({point.lm_weight for point in points}):
        cells = []
        for score in scores:
            point = there[weight, score]
            expected = "" if point.expected_errors is None else f" / {point.expected_errors:.2f}"
            star = "* " * (point == best)
            cells.append(f"{star}{point.word_errors} ({point.character_errors}){expected}")
        table.add_row(f"{weight:g}", *map(Text, cells))
    return table


def _language_model(used: LanguageModelUsed) -> str:
    texts = ", ".join(f"{text.name} ({text.sentences:,} sentences)" for text in used.texts)
    made = f"{used.order}-gram of {used.unit}s, of {texts}" if texts else f"{used.order}-gram of {used.unit}s"
    named = f" from {used.source}" * (not used.texts)
    fits = [f"{part} {value:.1f}" for part, value in used.perplexity.items() if value is not None]
    perplexity = f"; perplexity {', '.join(fits)}" if fits else ""
    seen = "; what it has seen is not known"
    if used.shared is not None:
        counts = [f"{count} texts of {part}" for part, count in used.shared.items() if count]
        seen = f"; has seen {' and '.join(counts)}" if counts else ""
    return f"{made}{named}{perplexity}{seen}; {used.sha256[:16]}"


def _lexicon(used: LexiconUsed) -> str:
    lacks = ", ".join(f"{count} words of {part}" for part, count in used.missing.items() if count)
    reach = ", which can be found all the same" if used.open else ", which cannot be found"
    left_out = f"; {used.left_out:,} words left out, which the model cannot write" * bool(used.left_out)
    return f"{used.words:,} words of {used.source}" + (f"; lacks {lacks}{reach}" if lacks else "") + left_out
