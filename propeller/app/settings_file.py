"""A YAML file with the settings of a command: its options by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.suggestion import nearest

CODE = "invalid-settings-file"


def from_file(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    """Take a file's values for options that neither the command line nor the environment gives; for `click.option`.

    Raises:
        DiagnosticError: `invalid-settings-file`, once for each fault.
    """
    if path is None:
        return
    names = {param.name: param for param in ctx.command.params if param.name and param.name != "config"}
    given = _read(path)
    faults = []
    for name, value in given.items():
        param = names.get(name)
        if param is None:
            near = nearest(name, map(str, names))
            faults.append(Diagnostic(CODE, f"{path}: there is no setting `{name}`{near}"))
            continue
        try:
            param.type_cast_value(ctx, value)
        except click.BadParameter as error:
            faults.append(Diagnostic(CODE, f"{path}: {name}: {error.message}"))
    if faults:
        raise DiagnosticError(faults)
    ctx.default_map = {**(ctx.default_map or {}), **given}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DiagnosticError([Diagnostic(CODE, f"{path} cannot be read: {error}")]) from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise DiagnosticError([Diagnostic(CODE, f"{path}: a map of settings by name is wanted")])
    return found
