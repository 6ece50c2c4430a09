"""Where a backbone's weights come from: torch's cache, a download, a file, or a seed.

``checkpoint``, ``initialised``, ``load`` and ``state`` import torch; the others never do, so that a
parent process can use them. Knows nothing of ONNX or of which part of a network is the embedding.
"""
