"""Worker processes, which keep crashes and thread pools of runtimes away from the parent.

Imports no runtime, and does not depend on what a worker does.
"""
