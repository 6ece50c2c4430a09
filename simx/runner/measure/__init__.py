"""What runs in the worker: load a network, take the blocks, check each answer."""
