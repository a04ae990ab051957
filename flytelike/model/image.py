"""The image of tasks that name none."""

PLATFORM_IMAGE = "flytelike/python:0.1"
"""Stands for the platform's own image in specs: propeller's setting `own_image` says which one that is in a cluster."""
