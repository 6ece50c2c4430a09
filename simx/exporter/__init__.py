"""Backbone, head removed -> verified ONNX in the store."""
