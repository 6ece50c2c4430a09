"""From the profiles of two targets to what makes the difference between their times. Pure."""
