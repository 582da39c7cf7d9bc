"""One model, served: the Open Inference Protocol over HTTP on ONNX Runtime."""
