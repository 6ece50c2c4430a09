"""How well embeddings find what belongs together in a user's pictures: ``simx evaluate``.

From a folder or a list of pictures to an evaluation report. Networks run in the runner's workers,
and pictures are decoded in workers of this room's own. Renders nothing, imports no runtime.
"""
