"""Which pictures are measured with, and how a file becomes an input tensor (Pillow and numpy)."""
