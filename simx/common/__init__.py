"""What every room needs and none owns: errors, files, locks, safe text."""
