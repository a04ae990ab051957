"""What the API server answers when it does not do what was asked, told apart by what one does about it."""

from typing_extensions import override


class KubernetesError(Exception):
    """The API server did not do it. `status` is HTTP's (0 for no answer), `reason` Kubernetes' word for it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Keep what was answered."""
        self.status = status
        self.reason = reason
        self.message = message
        super().__init__(message)

    @override
    def __str__(self) -> str:
        """Return the message with HTTP's status."""
        return f"{self.message} ({self.status or 'no answer'}{f', {self.reason}' if self.reason else ''})"


class ObjectNotFound(KubernetesError):
    """There is no such object, or no such kind of objects."""


class ObjectExists(KubernetesError):
    """An object of this name is there already."""


class ObjectChanged(KubernetesError):
    """Somebody else changed the object meanwhile: read it again."""


class Expired(KubernetesError):
    """The API server has forgotten the changes since that version: list again."""


class Refused(KubernetesError):
    """The request breaks a rule: schema, admission, quota or access. Trying again changes nothing by itself."""


class Unavailable(KubernetesError):
    """No answer, or an answer that tells of trouble; trying again later may help."""


def error_of(status: int, reason: str, message: str) -> KubernetesError:
    """Return the error for an answer."""
    match status:
        case 404:
            kind: type[KubernetesError] = ObjectNotFound
        case 409:
            kind = ObjectExists if reason == "AlreadyExists" else ObjectChanged
        case 410:
            kind = Expired
        case 400 | 401 | 403 | 405 | 406 | 413 | 415 | 422:
            kind = Refused
        case _:
            kind = Unavailable
    return kind(status, reason, message)
