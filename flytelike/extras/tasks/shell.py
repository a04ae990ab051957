"""`ShellTask`: a shell script with typed inputs, whose outputs are files and folders."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from pathlib import Path
from threading import Thread
from typing import IO, Any

from typing_extensions import Unpack, override

from flytelike.current import current_context
from flytelike.extras.tasks.script import PLACE, plain, rendered
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.exceptions import FlyteRecoverableException
from flytelike.sdk.custom_task import Interface, PythonInstanceTask
from flytelike.sdk.faults import fault
from flytelike.sdk.metadata import TaskMetadata
from flytelike.sdk.signature import Hint
from flytelike.sdk.task_options import TaskOptions
from flytelike.types.directory import FlyteDirectory
from flytelike.types.file import FlyteFile

_TAIL_LINES = 40


class ShellFailed(FlyteRecoverableException):
    """The script ended with another exit code than 0."""


@dataclass(frozen=True, slots=True)
class OutputLocation:
    """Where a script leaves an output.

    Attributes:
        var: The output's name.
        var_type: `FlyteFile` or `FlyteDirectory`.
        location: The path, relative to the working directory; may hold `{inputs.x}` and `{ctx.x}`.
    """

    var: str
    var_type: Any
    location: str | Path


class ShellTask(PythonInstanceTask[None]):
    """A shell script as a task.

    `{inputs.x}` stands for an input's value (for a file or folder, its path on this machine), `{outputs.y}` for an
    output's path, `{ctx.x}` for an attribute of `current_context()`. Values are handed over as variables of the
    environment: no value can become a command. The script runs in a working directory of its own.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the stock SDK's names, in its order
        self,
        name: str,
        debug: bool = False,
        script: str | None = None,
        script_file: str | Path | None = None,
        task_config: None = None,
        shell: str = "/bin/sh",
        inputs: Mapping[str, Hint] | None = None,
        output_locs: Sequence[OutputLocation] | None = None,
        metadata: TaskMetadata | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        """Make a task.

        Args:
            name: What it is registered as.
            debug: Print the script, with the names of variables in place of values.
            script: The script's text.
            script_file: Or a file of the project that holds it.
            task_config: There is none.
            shell: A POSIX shell.
            inputs: Types by name: `kwtypes(x=int)`.
            output_locs: Where the outputs are.
            metadata: Policies; options of the same names come before it.
            **options: See `TaskOptions`.
        """
        self.output_locs = tuple(output_locs or ())
        outputs = {found.var: found.var_type for found in self.output_locs}
        super().__init__(name, task_config, interface=Interface(inputs or {}, outputs), metadata=metadata, **options)
        self.script = script
        self.script_file = Path(script_file) if script_file is not None else None
        if self.script_file is not None and not self.script_file.is_absolute():
            beside = Path(self.declaration.site.path).parent / self.script_file
            self.script_file = beside if beside.exists() else self.script_file
        self.shell = shell
        self.debug = debug

    @override
    def own_faults(self) -> Iterable[Diagnostic]:
        yield from super().own_faults()
        if (self.script is None) == (self.script_file is None):
            headline = "a shell task needs `script` or `script_file`, and not both"
            yield fault("contradictory-options", headline, self.declaration.span())
        if self.script_file is not None and not self.script_file.is_file():
            headline = f"there is no script {self.script_file}"
            yield fault("invalid-option", headline, self.declaration.span("script_file"))
        for found in self.output_locs:
            if not (isinstance(found.var_type, type) and issubclass(found.var_type, FlyteFile | FlyteDirectory)):
                headline = f"the output `{found.var}` of a shell task must be a FlyteFile or FlyteDirectory"
                yield fault("invalid-option", headline, self.declaration.span("output_locs"))
        yield from self._unknown_places()

    def _unknown_places(self) -> Iterable[Diagnostic]:
        text = "" if self.script is None else self.script
        for match in PLACE.finditer(text):
            names = {"inputs": self.signature.inputs, "outputs": self.signature.outputs.hints}.get(match[1] or "")
            first = (match[2] or "").partition(".")[0]
            if names is not None and first not in names:
                listed = ", ".join(f"`{name}`" for name in names) or "none"
                yield fault(
                    "unknown-template-variable",
                    f"the script names `{match[0]}`, and the task has no such {match[1].removesuffix('s')}",
                    self.declaration.span("script"),
                    help=(f"the task's {match[1]} are {listed}; write `{{{{` for a brace that is the script's own",),
                )

    @override
    def execute(self, **inputs: Any) -> Any:
        """Run the script; return its outputs."""
        script = self.script if self.script_file is None else self.script_file.read_text(encoding="utf-8")
        places = {found.var: plain(str(found.location), _Values(inputs, {})) for found in self.output_locs}
        for place in places.values():
            Path(place).parent.mkdir(parents=True, exist_ok=True)
        found = rendered(script or "", _Values(inputs, places))
        if self.debug:
            print(found.text, flush=True)  # noqa: T201 - what was asked for
        _run([self.shell, "-c", found.text], {**os.environ, **found.env}, self.short_name)
        outputs = tuple(location.var_type(places[location.var]) for location in self.output_locs)
        return outputs[0] if len(outputs) == 1 else outputs or None


class _Values:
    """Gives the text for a place in a script."""

    def __init__(self, inputs: Mapping[str, object], outputs: Mapping[str, str]) -> None:
        self._inputs = inputs
        self._outputs = outputs

    def __call__(self, kind: str, name: str) -> str | float:
        first, *steps = name.split(".")
        match kind:
            case "inputs":
                found = self._inputs[first]
            case "outputs":
                found = self._outputs[first]
            case _:
                found = getattr(current_context(), first)
        return _text(reduce(getattr, steps, found))


def _text(value: object) -> str | float:
    match value:
        case FlyteFile() | FlyteDirectory():
            return str(value.download())
        case int() | float():
            return value
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)


def _run(command: list[str], env: Mapping[str, str], name: str) -> None:
    """Run a program, its output passing through; raises ShellFailed with the last of what it wrote to stderr."""
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, errors="replace") as process:  # noqa: S603 - the author's script
        assert process.stderr is not None
        reader = Thread(target=_pass_on, args=(process.stderr, tail))
        reader.start()
        status = process.wait()
        reader.join()
    if status:
        ended = f"was killed by signal {-status}" if status < 0 else f"ended with exit code {status}"
        said = "".join(tail).rstrip()
        raise ShellFailed(f"the script of `{name}` {ended}" + (f"; the last it said:\n{said}" if said else ""))


def _pass_on(stream: IO[str], tail: "deque[str]") -> None:
    for line in stream:
        tail.append(line)
        sys.stderr.write(line)
