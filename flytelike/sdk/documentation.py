"""What an author says about an entity: given as an option, or read from its docstring."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Documentation:
    """An entity's documentation.

    Attributes:
        short: One phrase.
        long: Everything else, as the author wrote it.
        source: A link to the source code.
        inputs: Descriptions of inputs by name.
        outputs: Descriptions of outputs by name.
    """

    short: str = ""
    long: str = ""
    source: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


def documentation_of(function: Callable[..., object], outputs: tuple[str, ...]) -> Documentation:
    """Read a docstring in Google's, NumPy's, Sphinx's or Epydoc's style.

    A description of the return value goes to a single output; with several outputs the
    docstring names each one (as NumPy's style does).
    """
    text = inspect.getdoc(function)
    if not text:
        return Documentation()
    from docstring_parser import ParseError, parse  # noqa: PLC0415  (only when specs are made)

    try:
        parsed = parse(text)
    except ParseError:
        short, _, long = text.partition("\n\n")
        return Documentation(" ".join(short.split()), long.strip())
    described = {found.return_name: _one_line(found.description) for found in parsed.many_returns if found.return_name}
    if len(outputs) == 1 and parsed.returns:
        described = {outputs[0]: _one_line(parsed.returns.description)}
    return Documentation(
        short=_one_line(parsed.short_description),
        long=(parsed.long_description or "").strip(),
        inputs={found.arg_name: _one_line(found.description) for found in parsed.params},
        outputs={name: described[name] for name in outputs if described.get(name)},
    )


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
