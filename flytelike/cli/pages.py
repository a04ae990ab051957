"""The pages that explain error codes: shipped with the package, one Markdown file a code."""

from pathlib import Path

PACKAGED = Path(__file__).parent.parent / "error_pages"
"""Where the wheel carries them."""
IN_SOURCES = Path(__file__).parent.parent.parent / "docs" / "errors"
"""Where they are written."""


def folder() -> Path:
    """Return the folder with the pages."""
    return PACKAGED if PACKAGED.is_dir() else IN_SOURCES


def codes() -> list[str]:
    """Return all codes that have a page, sorted."""
    return sorted(path.stem for path in folder().glob("*.md"))


def page(code: str) -> str | None:
    """Return a code's page; None when there is none."""
    return (folder() / f"{code}.md").read_text(encoding="utf-8") if code in codes() else None
