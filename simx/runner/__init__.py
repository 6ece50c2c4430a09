"""(backbone, backend, provider) -> raw times, taken in worker processes."""
