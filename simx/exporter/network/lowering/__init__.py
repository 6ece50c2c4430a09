"""From a traced program to one that torch translates without decomposing it."""
