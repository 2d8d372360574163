"""Paired tests of two runs as rows of a table, on a page and in a terminal alike."""

from asr.claims.compare import Tests

Row = tuple[str, str, str, str]  # test, difference (second minus first), 95 % interval, p


def paired_rows(tests: Tests) -> list[Row]:
    """Every test that was made, written."""
    pairs, sentences = tests.matched_pairs, tests.sentences
    rows = [
        (
            f"matched pairs over {pairs.unit}",
            f"{pairs.difference:+.2%}",
            _range(pairs.interval_95),
            _p(pairs.p),
        )
    ]
    if tests.segments:
        found = tests.segments
        difference = f"{found.difference:+.3f} errors a segment"
        rows.append((f"MAPSSWE, {found.segments} segments", difference, "", _p(found.p)))
    for each in (tests.over_utterances, tests.over_speakers):
        if each:
            name = f"paired bootstrap over {each.unit}"
            rows.append((name, f"{each.difference:+.2%}", _range(each.interval_95), _p(each.p)))
    alone = f"{sentences.first_only} wrong in the first alone, {sentences.second_only} in the second"
    return [*rows, ("McNemar on sentences", alone, "", _p(sentences.p))]


def _range(ends: tuple[float, float]) -> str:
    return "{:+.2%} to {:+.2%}".format(*ends)


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"
