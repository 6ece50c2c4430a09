"""What executes a network: the contract, the registry, and one folder for each runtime."""
