"""Records as columns."""

import json

import click


def show_rows(rows: list[dict[str, str]], *, as_json: bool, empty: str) -> None:
    """Print rows as JSON, or as columns wide enough for their content."""
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(empty, err=True)
        return
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in rows[0]}
    click.echo("  ".join(key.upper().ljust(width) for key, width in widths.items()).rstrip())
    for row in rows:
        click.echo("  ".join(row[key].ljust(width) for key, width in widths.items()).rstrip())
