"""Is this machine quiet enough, and do the statistics hold here: simx measured by itself."""
