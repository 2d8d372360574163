"""What computes log-probs when nothing is learned: torch, or the exported ONNX file without torch."""
