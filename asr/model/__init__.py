"""The acoustic model: waveforms and lengths in, log-probs and lengths out."""
