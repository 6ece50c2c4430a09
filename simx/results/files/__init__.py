"""The files that hold results: the report and the journal. The only place that opens them."""
