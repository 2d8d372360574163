"""From the prefixes that are left after the last frame to hypotheses: words end, sentences end, spaces at ends go."""

import math
from collections.abc import Hashable, Iterable

import numpy as np

from asr.decoding.fusion import Fusion, WordEnd
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.prefixes import INSIDE, Prefix


def readings(found: Iterable[tuple[Prefix, float]], fusion: Fusion) -> list[Hypothesis]:
    """Hypotheses, unranked, of prefixes and their log-probs. A word that cannot end where it ends leaves none.

    A prefix that ends in a separator reads as the one without: their alignments are different ones and are added.
    """
    sums: dict[tuple[int, int], tuple[Prefix, float]] = {}
    for prefix, acoustic in found:
        for way in _ways(prefix, fusion):
            read = prefix.parent if prefix.token == fusion.separator and prefix.parent is not None else prefix
            before = sums.get((id(read), way), (read, -math.inf))[1]
            sums[id(read), way] = read, float(np.logaddexp(before, acoustic))
    hypotheses = [_hypothesis(read, way, acoustic, fusion) for (_, way), (read, acoustic) in sums.items()]
    return [hypothesis for hypothesis in hypotheses if hypothesis.score > -math.inf]


def _ways(prefix: Prefix, fusion: Fusion) -> list[int]:
    """In which ways the last word can have ended; INSIDE where there is none."""
    if prefix.token == fusion.separator:
        return [prefix.way]
    if fusion.tells_words and prefix.unfinished:
        return [number + 1 for number in range(len(prefix.ends(fusion)))]
    return [INSIDE]


def _hypothesis(prefix: Prefix, way: int, acoustic: float, fusion: Fusion) -> Hypothesis:
    state: Hashable = prefix.state
    end = WordEnd("", 0.0, 0.0, state) if way == INSIDE else prefix.ends(fusion)[way - 1]
    language = prefix.language + end.language + fusion.finish(end.state)
    bonus = prefix.bonus + end.bonus
    tokens = prefix.tokens()
    words = (*prefix.words(), *([end.word] if end.word else []))
    text = " ".join(words)
    if not fusion.tells_words:
        text = fusion.vocabulary.text(tokens)
    score = acoustic + fusion.weighed(language) + bonus
    return Hypothesis(tokens, words, text, score, acoustic, language, bonus)
