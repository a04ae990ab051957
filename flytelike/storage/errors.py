"""What can go wrong with a store.

StorageError
├── NotFound             nothing lies at the uri
├── AccessDenied         the store refuses the credentials, or the file's rights forbid it
├── OutOfSpace           the disk or quota is full
├── InvalidUri           no store can have such an address
├── TooLarge             more bytes than the caller allows
├── DigestMismatch       the bytes are not those that were promised
├── UnsafePath           a folder's symbolic link leads out of the folder
├── SigningUnsupported   this kind of store cannot sign addresses
└── Unavailable          the store did not answer, or broke off; trying later may help
"""

import errno

from typing_extensions import override


class StorageError(Exception):
    """A store could not do what was asked. `uri` is the address, `reason` one phrase."""

    def __init__(self, uri: str, reason: str) -> None:
        """Keep the address and the reason."""
        super().__init__(uri, reason)
        self.uri = uri
        self.reason = reason

    @override
    def __str__(self) -> str:
        """Return `<uri>: <reason>`."""
        return f"{self.uri}: {self.reason}"


class NotFound(StorageError):
    """Nothing lies at the uri."""

    def __init__(self, uri: str, reason: str = "nothing is stored here") -> None:
        """Keep the address."""
        super().__init__(uri, reason)


class AccessDenied(StorageError):
    """The store refuses the credentials, or the file's rights forbid it."""


class OutOfSpace(StorageError):
    """The disk or quota is full. What was written before stays; nothing half written is visible."""


class InvalidUri(StorageError):
    """No store can have such an address."""


class TooLarge(StorageError):
    """There are more bytes than the caller allows."""


class DigestMismatch(StorageError):
    """The bytes are not those that were promised."""


class UnsafePath(StorageError):
    """A symbolic link leads out of the folder that is read, or in a circle."""


class SigningUnsupported(StorageError):
    """This kind of store cannot sign addresses."""


class Unavailable(StorageError):
    """The store did not answer or broke off. Trying again later may help."""


def from_os_error(uri: str, error: OSError, *, writing: bool = False) -> StorageError:
    """Return the storage error that an operating system's error means for `uri`."""
    reason = error.strerror or str(error)
    match error.errno:
        case errno.EISDIR | errno.ENOTDIR | errno.EEXIST if writing:
            return InvalidUri(uri, f"a folder stands where a file should, or the other way round ({reason})")
        case errno.ENOENT | errno.ENOTDIR:
            return NotFound(uri)
        case errno.EISDIR:
            return NotFound(uri, "this is a folder, not a file")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return AccessDenied(uri, f"access denied ({reason})")
        case errno.ENOSPC | errno.EDQUOT:
            return OutOfSpace(uri, f"no space left to write ({reason}); free some, then run again")
        case errno.ENAMETOOLONG | errno.EILSEQ | errno.ELOOP:
            return InvalidUri(uri, f"not a usable path ({reason})")
        case _:
            return Unavailable(uri, reason)
