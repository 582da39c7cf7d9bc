"""A trained model becomes an ONNX graph."""
