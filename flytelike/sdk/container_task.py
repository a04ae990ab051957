"""`ContainerTask`: any program of an image, with its inputs and outputs as files."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NoReturn

from typing_extensions import Unpack, override

from flytelike.model import graph
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.sdk.faults import fault
from flytelike.sdk.instance_task import InstanceTask
from flytelike.sdk.metadata import TaskMetadata
from flytelike.sdk.settings import Settings
from flytelike.sdk.signature import Hint
from flytelike.sdk.task_options import TaskOptions


class ContainerTask(InstanceTask):
    """A task that is a program in a container and knows nothing of the platform.

    Inputs are files below `input_data_dir`, one of the name of each; the program leaves each output in a file of its
    name below `output_data_dir`. `{{.inputs.NAME}}` in the command stands for a simple input's value.
    """

    task_type = "raw-container"
    found_by_variable = False

    class MetadataFormat(Enum):
        """How the file with all inputs is written: `inputs.json`, `inputs.yaml` or only `inputs.pb`."""

        JSON = graph.MetadataFormat.JSON
        YAML = graph.MetadataFormat.YAML
        PROTO = graph.MetadataFormat.PROTO

    class IOStrategy(Enum):
        """When files are copied in and out."""

        DOWNLOAD_EAGER = graph.DownloadMode.EAGER
        DOWNLOAD_STREAM = graph.DownloadMode.STREAM
        DO_NOT_DOWNLOAD = graph.DownloadMode.NONE
        UPLOAD_EAGER = graph.UploadMode.EAGER
        UPLOAD_ON_EXIT = graph.UploadMode.ON_EXIT
        DO_NOT_UPLOAD = graph.UploadMode.NONE

    def __init__(  # noqa: PLR0913 - the stock SDK's names
        self,
        name: str,
        image: str,
        command: Sequence[str],
        inputs: Mapping[str, Hint] | None = None,
        metadata: TaskMetadata | None = None,
        arguments: Sequence[str] | None = None,
        outputs: Mapping[str, Hint] | None = None,
        *,
        input_data_dir: str | None = None,
        output_data_dir: str | None = None,
        metadata_format: MetadataFormat = MetadataFormat.JSON,
        io_strategy: IOStrategy | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        """Make a task.

        Args:
            name: What it is registered as.
            image: The container image. The embedded platform runs the program of the environment it stands for.
            command: The program and its first arguments.
            inputs: Types by name: `kwtypes(a=int, b=str)`.
            metadata: Policies; options of the same names come before it.
            arguments: More arguments.
            outputs: Types by name.
            input_data_dir: Where the program finds its inputs; `/var/flyte/inputs` if not given.
            output_data_dir: Where it leaves its outputs; `/var/flyte/outputs` if not given.
            metadata_format: How the file with all inputs is written.
            io_strategy: When files are copied in or out.
            **options: See `TaskOptions`.
        """
        super().__init__(name, inputs, outputs, metadata, {**options, "container_image": image})
        self.command: tuple[str, ...] = tuple(command)
        self.arguments: tuple[str, ...] = tuple(arguments or ())
        strategy = io_strategy.value if io_strategy is not None else None
        self.data: graph.DataFiles = graph.DataFiles(
            input_data_dir or "",
            output_data_dir or "",
            metadata_format.value,
            strategy if isinstance(strategy, graph.DownloadMode) else None,
            strategy if isinstance(strategy, graph.UploadMode) else None,
        )

    @override
    def own_faults(self) -> Iterable[Diagnostic]:
        yield from super().own_faults()
        for argument, words in (("command", self.command), ("arguments", self.arguments)):
            if not all(isinstance(word, str) for word in words):
                yield fault("invalid-option", f"`{argument}` must be texts", self.declaration.span(argument))
        for argument, path in (("input_data_dir", self.data.input_path), ("output_data_dir", self.data.output_path)):
            if path and not path.startswith("/"):
                yield fault(
                    "invalid-option",
                    f"`{argument}` must be an absolute path, not {path!r}",
                    self.declaration.span(argument),
                )

    @override
    def container(self, settings: Settings) -> graph.Container:
        policies = self.policies
        return graph.Container(
            policies.image,
            self.command,
            self.arguments,
            policies.resources,
            {**settings.env, **policies.environment},
            data=self.data,
        )

    @override
    def execute(self, **inputs: Any) -> NoReturn:
        """Refuse: the program is in an image."""
        raise DiagnosticError(
            [
                fault(
                    "container-without-platform",
                    f"`{self.short_name}` is a program of the image {self.policies.image}: there is nothing to call",
                    self.declaration.span(),
                    "made here",
                    help=("execute it on a platform: `flytelike execute FILE.py NAME`",),
                )
            ]
        )
