"""A trained model as an ONNX file, checked against torch before anybody sees it."""
