"""ONNX files of the user's own: inspected in a worker, and brought into one form."""
