"""What the runtime asks of a task object it finds in an author's module.

Tasks made by the SDK's decorator have all of it; so may an author's own kind of task.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from flytelike.deck.fields import DeckField
from flytelike.model.call import Calls
from flytelike.model.dynamic_job import DynamicJob
from flytelike.model.ids import Identifier
from flytelike.types.context import ValueContext


class HintedInput(Protocol):
    """One input of a task."""

    @property
    def hint(self) -> object:
        """Return its annotation, evaluated."""


class HintedOutputs(Protocol):
    """The outputs of a task."""

    @property
    def hints(self) -> Mapping[str, object]:
        """Return their annotations, evaluated, by name, in the author's order."""


class HintedSignature(Protocol):
    """What a task takes and gives."""

    @property
    def inputs(self) -> Mapping[str, HintedInput]:
        """Return the inputs by name."""

    @property
    def outputs(self) -> HintedOutputs:
        """Return the outputs."""


@runtime_checkable
class RunnableTask(Protocol):
    """A task whose function can be called with Python values."""

    @property
    def signature(self) -> HintedSignature:
        """Return what the task takes and gives."""

    @property
    def function(self) -> Callable[..., object]:
        """Return the author's function."""

    def call(self, inputs: Mapping[str, object]) -> object:
        """Do the work with inputs by name; return the result as the author gave it."""

    def report_fields(self) -> Sequence[DeckField] | None:
        """Return what a report of the task shows beside the author's decks; None for no report."""

    def outputs_of(self, result: object) -> Mapping[str, object]:
        """Return a result of the function by output name.

        Raises `TypeError` when it has another shape than was declared.
        """


@runtime_checkable
class ExpandableTask(RunnableTask, Protocol):
    """A dynamic task: its function says what to run next."""

    def expand(
        self, inputs: Mapping[str, object], *, task: Identifier, values: ValueContext, code: str, root: Path
    ) -> DynamicJob | Mapping[str, object]:
        """Return the graph of the calls that the function makes, or its outputs by name if it makes none.

        Raises `DiagnosticError` with everything that is wrong with the graph.
        """


@runtime_checkable
class EagerTask(RunnableTask, Protocol):
    """A task whose function is a coroutine that calls others while it runs."""

    async def perform(
        self, inputs: Mapping[str, object], *, task: Identifier, values: ValueContext, calls: Calls
    ) -> object:
        """Run the function; return its result. Calls that fail raise `EagerException` inside of it."""
