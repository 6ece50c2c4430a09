"""What tables and findings show, derived from a report. Renders nothing."""
