"""Where a backbone's weights come from: torch's cache, a download, a file, or a seed.

``checkpoint``, ``initialised``, ``load``, ``selection`` and ``state`` need torch; the others never
import it, so that a parent process can use them. Knows nothing of ONNX.
"""
