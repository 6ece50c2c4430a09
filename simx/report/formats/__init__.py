"""One file for each format that results can be rendered in."""
