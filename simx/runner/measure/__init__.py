"""What runs in the worker: it loads a network, measures blocks and samples the results."""
