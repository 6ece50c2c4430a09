"""What was measured, as types. Data only."""
