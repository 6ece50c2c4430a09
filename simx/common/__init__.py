"""Shared by all rooms: errors, files, locks, safe and anonymous texts, control groups."""
