"""What is read from a GPU and its driver, whichever backend runs on it."""
