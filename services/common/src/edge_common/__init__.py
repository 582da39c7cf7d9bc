"""What the services share; imports no Flask, OpenCV or ONNX Runtime."""
