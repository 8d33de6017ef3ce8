"""Measurements and trials of the whole program; each is a command that prints a table."""
