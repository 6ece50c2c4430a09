"""Where a backbone's weights come from: torch's cache, a download, a file, or a seed.

``request`` parses the command line's option, ``locate`` decides and downloads, ``load`` reads the
tensors into memory. The first two, with ``cache`` and ``download`` behind them, never import torch,
so that a parent process can plan with them. Knows nothing of ONNX, of the store's layout, or of
which part of a network is the embedding.
"""
