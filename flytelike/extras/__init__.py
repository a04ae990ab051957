"""Kinds of tasks that come with Flytelike, made with what every author has (`flytelike.extend`)."""
