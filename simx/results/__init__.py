"""What was measured: the report's types, its file, statistics and comparison.

Pure: no torch, no onnxruntime, no rich; a reader of reports needs nothing else.
"""
