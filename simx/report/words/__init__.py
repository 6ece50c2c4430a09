"""Sentences, names and figures as a person reads them."""
