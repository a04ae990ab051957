"""The log of a process in a cluster: lines on stderr, without what looks like a secret."""

import logging
import sys

from typing_extensions import override

from flytelike.model.redaction import redacted

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class RedactingFormatter(logging.Formatter):
    """Formats records, tracebacks included, and hides secrets in the whole of it."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return redacted(super().format(record))


def log_to_stderr() -> None:
    """Let everything from INFO on be told on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
