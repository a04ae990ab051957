"""Reports of tasks: what authors make decks with, and how all decks of an attempt become one page.

The package must not know where the page is stored, nor who shows it.
"""

from flytelike.current.deck import Deck
from flytelike.deck.fields import DeckField
from flytelike.deck.renderers import (
    MarkdownRenderer,
    PythonDependencyRenderer,
    Renderable,
    SourceCodeRenderer,
    TopFrameRenderer,
)

__all__ = [
    "Deck",
    "DeckField",
    "MarkdownRenderer",
    "PythonDependencyRenderer",
    "Renderable",
    "SourceCodeRenderer",
    "TopFrameRenderer",
]
