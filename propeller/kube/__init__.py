"""Kubernetes: a thin client, watches that resume, and the custom resource `FlyteWorkflow`."""
