"""The exports on disk: found, opened, checked, pruned and copied out."""
