"""A text from nothing: words that follow each other with a law of their own, the same everywhere."""

import hashlib


def made_text(name: str, sentences: int, words: int = 300) -> list[str]:
    """Sentences of words w0, w1, ...; w0 is frequent, late ones are rare, and each word prefers some followers."""
    lines = []
    for number in range(sentences):
        draws = hashlib.shake_256(f"{name} {number}".encode()).digest(64)
        word, line = 0, []
        for first, second in zip(draws[1::2], draws[2::2], strict=False):
            if len(line) > draws[0] % 12:
                break
            rank = int((words + 1) ** ((first * 256 + second) / 65536)) - 1  # log-uniform, as by Zipf's law
            word = rank if first % 3 else (7 * word + rank % 3) % words
            line.append(f"w{word}")
        lines.append(" ".join(line))
    return lines
