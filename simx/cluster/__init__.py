"""Runs on the nodes of a Ray cluster what a local run runs: exports, measurements, embeddings."""
