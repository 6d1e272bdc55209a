"""An adapter on its base as a graph: ONNX or OpenVINO, which answers without torch."""
