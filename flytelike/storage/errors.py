"""What can go wrong with an object store.

StorageError
NotFound            nothing is stored at the uri
AccessDenied        the store refuses
OutOfSpace          no room left on the disk
TooLarge            larger than the caller's bound
InvalidUri          not a uri of a known store, or one that leads outside
SigningUnsupported  the store cannot sign uploads
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class StorageError(Exception):
    """An operation on `uri` failed; nothing of it is visible."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = uri
        self.reason = reason
        super().__init__(f"{uri}: {reason}")


class NotFound(StorageError):
    """Nothing is stored at the uri."""


class AccessDenied(StorageError):
    """The store refuses."""


class OutOfSpace(StorageError):
    """No room is left on the disk."""


class TooLarge(StorageError):
    """The object is larger than the caller's bound."""


class InvalidUri(StorageError):
    """The uri names no known store, or leads outside of it."""


class SigningUnsupported(StorageError):
    """The store cannot sign uploads."""


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn errors of the operating system and of obstore into ours."""
    try:
        yield
    except StorageError:
        raise
    except FileNotFoundError as error:
        raise NotFound(uri, "not found") from error
    except PermissionError as error:
        raise AccessDenied(uri, str(error)) from error
    except OSError as error:
        kind = OutOfSpace if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageError
        raise kind(uri, error.strerror or str(error)) from error
    except Exception as error:
        raise of_obstore(uri, error) from error


def of_obstore(uri: str, error: Exception) -> StorageError:
    """Return our error for one of obstore's (told by name: obstore is imported lazily)."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "os error 28" in str(error) or "No space left" in str(error):
        return OutOfSpace(uri, "no space left on device")
    match type(error).__name__:
        case "NotFoundError":
            return NotFound(uri, "not found")
        case "PermissionDeniedError" | "UnauthenticatedError":
            return AccessDenied(uri, text)
        case "InvalidPathError":
            return InvalidUri(uri, text)
        case _:
            return StorageError(uri, text)
