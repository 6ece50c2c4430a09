"""What runs in the parent: prepare, measure launch after launch, publish."""
