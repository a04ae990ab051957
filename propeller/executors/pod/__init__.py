"""Runs attempts as pods of a Kubernetes cluster.

It knows pods, their API and Flyte's task contract; it must not know of graphs, retries or databases.
"""
