"""How sure one can be of what was recognised: of each word, and of an utterance."""
