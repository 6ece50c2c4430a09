"""From a verified fp32 export to the same backbone in fp16 or int8, by ONNX Runtime's own tools."""
