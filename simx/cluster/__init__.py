"""Runs exports and measurements on the nodes of a Ray cluster; nodes run what a local run runs."""
