"""What somebody may have meant by a word that is not known."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean ...?)` with the closest known word, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed for a message

    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean `{close[0]}`?)" if close else ""
