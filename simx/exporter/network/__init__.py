"""From a torchvision architecture to a graph without its head."""
