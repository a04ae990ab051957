"""Naming an execution on the command line: `name`, or `project/domain/name`."""

import click

from flytelike.model.ids import ExecutionId


def parse(text: str, project: str, domain: str) -> ExecutionId:
    """Return the execution that `text` names; raises a usage error for other shapes."""
    parts = text.strip("/").split("/")
    match parts:
        case [name] if name:
            return ExecutionId(project, domain, name)
        case [named_project, named_domain, name]:
            return ExecutionId(named_project, named_domain, name)
        case _:
            raise click.UsageError(f"`{text}` is neither NAME nor PROJECT/DOMAIN/NAME")
