"""Propeller's programs."""
