"""Results -> terminal tables, Markdown, CSV and JSON: the only place that renders."""
