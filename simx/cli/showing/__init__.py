"""What commands show besides results: progress on stderr, and rows of exports."""
