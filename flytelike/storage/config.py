"""Where stores are and how they are reached."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class S3Config:
    """How S3-compatible stores are reached. What is empty is found as the AWS tools find it.

    Times are in seconds: `timeout_s` for one request, `retry_s` for a request with all its
    repetitions, whose number `retries_max` bounds, too.
    """

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    timeout_s: float = 60.0
    retry_s: float = RETRY_S
    retries_max: int = 1000


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Settings of a `Store`.

    With `durable`, a write to a local folder returns once it would survive a power cut (file
    and folder are synced); without, once it would survive the process. Buckets are always durable.
    """

    durable: bool = False
    s3: S3Config = field(default_factory=S3Config)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, *, durable: bool = False, retry_s: float = RETRY_S) -> Self:
        """Read the S3 settings from the environment.

        `FLYTE_AWS_ENDPOINT`, `FLYTE_AWS_ACCESS_KEY_ID` and `FLYTE_AWS_SECRET_ACCESS_KEY` are the
        names that Flyte's containers get; the AWS tools' own names are the fallback.
        """
        given = os.environ if env is None else env

        def first(*names: str) -> str:
            return next((given[name] for name in names if given.get(name)), "")

        return cls(
            durable=durable,
            s3=S3Config(
                endpoint=first("FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
                region=first("AWS_REGION", "AWS_DEFAULT_REGION"),
                access_key_id=first("FLYTE_AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
                secret_access_key=first("FLYTE_AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
                session_token=first("AWS_SESSION_TOKEN"),
                retry_s=retry_s,
            ),
        )
