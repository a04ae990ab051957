"""The report of an attempt: the author's decks and what every report shows, stored as `deck.html`."""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import get_args

from flytelike.current import Deck
from flytelike.deck.fields import DeckField
from flytelike.deck.page import Head, Part, bars, page
from flytelike.deck.renderers import (
    PythonDependencyRenderer,
    Renderable,
    SourceCodeRenderer,
    value_html,
)
from flytelike.model.ids import ExecutionId
from flytelike.runtime.contract import RunnableTask
from flytelike.runtime.source_trace import headline
from flytelike.types.faults import shown

DECK = "deck.html"


class Report:
    """Gathers what a report shows, and makes the page of it.

    Args:
        task: What runs.
        title: Its name.
        execution: What it belongs to.
        attempt: Counted from 0.
        decks: The author's parts; they may still grow.
        fields: Which parts to add.
        store: Takes the page.
    """

    def __init__(
        self,
        task: RunnableTask,
        *,
        title: str,
        execution: ExecutionId,
        attempt: int,
        decks: Sequence[Deck],
        fields: Sequence[DeckField],
        store: Callable[[bytes], None],
    ) -> None:
        self._task = task
        self._head = (title, (f"attempt {attempt}", str(execution)))
        self._decks = decks
        self._fields = tuple(dict.fromkeys(fields))
        self._store = store
        self._began = time.perf_counter()
        self._spans: list[tuple[str, float, float]] = []
        self._inputs: Mapping[str, object] = {}
        self._outputs: Mapping[str, object] = {}
        self._fixed: dict[DeckField, str] = {}

    @contextmanager
    def measuring(self, what: str) -> Iterator[None]:
        """Measure a step for the timeline."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._spans.append((what, start - self._began, time.perf_counter() - self._began))

    def took(self, inputs: Mapping[str, object]) -> None:
        """Show these inputs."""
        self._inputs = inputs

    def gave(self, outputs: Mapping[str, object]) -> None:
        """Show these outputs."""
        self._outputs = outputs

    def publish(self, phase: str = "running", failure: str = "") -> None:
        """Store the page as it is now.

        Args:
            phase: `running`, `succeeded` or `failed`.
            failure: What went wrong, shown first.
        """
        title, about = self._head
        parts = [Part("Failure", f"<pre>{escape(failure)}</pre>")] if failure else []
        parts += [Part(deck.name, deck.html, framed=True) for deck in tuple(self._decks)]
        parts += [Part(field.value, html) for field in self._fields if (html := self._made(field))]
        self._store(page(Head(title, phase, about), parts).encode(errors="replace"))

    def _made(self, field: DeckField) -> str:
        match field:
            case DeckField.SOURCE_CODE:
                return self._once(field, lambda: _source_html(self._task))
            case DeckField.DEPENDENCIES:
                return self._once(field, lambda: PythonDependencyRenderer().to_html())
            case DeckField.TIMELINE:
                return bars(self._spans) if self._spans else ""
            case DeckField.INPUT:
                hints = {name: found.hint for name, found in self._task.signature.inputs.items()}
                return _values_html(self._inputs, hints)
            case DeckField.OUTPUT:
                return _values_html(self._outputs, self._task.signature.outputs.hints)

    def _once(self, field: DeckField, make: Callable[[], str]) -> str:
        if field not in self._fixed:
            self._fixed[field] = make()
        return self._fixed[field]


def _source_html(task: RunnableTask) -> str:
    try:
        source = inspect.getsource(inspect.unwrap(task.function))
    except (OSError, TypeError):
        return ""
    return SourceCodeRenderer().to_html(source)


def _values_html(values: Mapping[str, object], hints: Mapping[str, object]) -> str:
    return "".join(_value_html(name, value, hints.get(name)) for name, value in values.items())


def _value_html(name: str, value: object, hint: object) -> str:
    extras = get_args(hint)[1:] if hasattr(hint, "__metadata__") else ()
    renderer = next((extra for extra in extras if isinstance(extra, Renderable) and not isinstance(extra, type)), None)
    try:
        html = value_html(value, renderer)
    except Exception as error:  # noqa: BLE001 - a renderer or a `repr` of the author's: the report matters less than the task
        html = f'<p class="note">cannot be shown: {escape(headline(error))}</p>'
    return f'<h3>{escape(name)}<span class="type">{escape(shown(hint))}</span></h3>{html}'
