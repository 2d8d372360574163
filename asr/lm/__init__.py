"""Language models made here: modified Kneser-Ney n-grams, ARPA files, and their probabilities.

text -> counts -> kneser_ney -> pruning -> arpa, joined by train; arpa_reader -> model -> perplexity, and a decoder.
"""
