"""Which words of a hypothesis are right, by its alignment with the reference."""

import numpy as np
import numpy.typing as npt


def right_words(reference: str, hypothesis: str) -> npt.NDArray[np.bool_]:
    """(words of the hypothesis,) True where the least-errors alignment lays an equal word beside it.

    Substituted and inserted words are wrong. What was left out has no word that could be.

    Args:
        reference: normalised; words are what white space separates.
    """
    import jiwer

    words = hypothesis.split()
    right = np.zeros(len(words), dtype=np.bool_)
    if not words or not reference.split():
        return right
    aligned = jiwer.process_words([" ".join(reference.split())], [" ".join(words)])
    for chunk in aligned.alignments[0]:
        if chunk.type == "equal":
            right[chunk.hyp_start_idx : chunk.hyp_end_idx] = True
    return right
