"""Servers that tests need."""
