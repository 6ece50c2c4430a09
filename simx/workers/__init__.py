"""Worker processes: fork servers, launches, and the pipe between parent and worker.

Knows nothing of what a worker does and imports no runtime: the exporter and the runner both start
their work here, so that a crash, a leak or a spinning thread pool never reaches the parent.
"""
