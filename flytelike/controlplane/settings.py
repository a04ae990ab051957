"""What can be chosen about a control plane."""

from dataclasses import dataclass, field
from pathlib import Path

from flytelike.controlplane.access.options import AccessOptions
from flytelike.controlplane.tls import TlsFiles

DEFAULT_DOMAINS = (("development", "Development"), ("staging", "Staging"), ("production", "Production"))
"""Flyte's domains: id and display name."""

DEFAULT_PROJECTS = ("default", "flytesnacks")
"""`default` is ours; `flytesnacks` is what stock Flyte clients use when told nothing."""

MESSAGE_BYTES_MAX = 20 * 1024 * 1024
"""The size of a message, in both directions; what stock clients are set to."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request may ask for."""

    message_bytes: int = MESSAGE_BYTES_MAX
    upload_bytes: int = 2 * 1024**3
    upload_expiry_s: int = 3600
    inline_bytes: int = 10 * 1024 * 1024
    list_rows: int = 10_000
    launch_plan_depth: int = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """How a control plane is set up.

    `database_url` is SQLAlchemy's (`sqlite:///folder/file.db` or `postgresql+psycopg://...`).
    `store_base` is the uri below which everything is stored; uploads go to
    `<store_base>/<upload_prefix>`, the raw data of tasks to `raw_output_prefix` (by default
    `<store_base>/data`). A port of 0 takes a free one. `http_host` is the
    HTTP port's address where it is not `host`. `public_host` is the name by which
    clients reach the HTTP port; by default `host`. `upload_secret` signs upload urls; servers that
    share a database share it too, and without one each start makes its own. `max_parallelism`
    is used where neither request nor launch plan says one (0: no limit). Cached results that say no time of
    their own are kept for `cache_ttl_ns`; where those of one project have more than `cache_bytes_max` together,
    the ones unused for longest are evicted (0: no limit). `public_url` is the whole address by which clients reach the
    HTTP port, where it is another than the one listened on. With `tls`, both ports speak it; with `local_grpc`, gRPC is
    answered without it, too, on a loopback port of its own. Where other servers work
    on the same database, what they left undone is looked for every `reconcile_s` seconds (0: only at the start).
    Clients are told to connect anew when a connection is `connection_age_s` old (0: never). `access` says who may call,
    and `token_file` holds tokens of those who may do everything; without either, anybody may. With `schedules`, what is
    scheduled is started, and backfills go on.
    """

    database_url: str = field(repr=False)
    store_base: str
    host: str = "127.0.0.1"
    grpc_port: int = 8089
    http_port: int = 8088
    http_host: str = ""
    public_host: str = ""
    upload_prefix: str = "uploads"
    raw_output_prefix: str = ""
    upload_secret: bytes = field(default=b"", repr=False)
    domains: tuple[tuple[str, str], ...] = DEFAULT_DOMAINS
    projects: tuple[str, ...] = DEFAULT_PROJECTS
    max_parallelism: int = 0
    cache_ttl_ns: int = 0
    cache_bytes_max: int = 0
    shutdown_grace_s: float = 5.0
    public_url: str = ""
    token_file: Path | None = None
    tls: TlsFiles | None = None
    local_grpc: bool = False
    reconcile_s: float = 0.0
    connection_age_s: float = 0.0
    schedules: bool = True
    access: AccessOptions = field(default_factory=AccessOptions)
    limits: Limits = field(default_factory=Limits)

    @property
    def guarded(self) -> bool:
        """Whether callers must say who they are."""
        return self.access.guards or self.token_file is not None

    @property
    def base(self) -> str:
        """The store's root without a trailing slash."""
        return self.store_base.rstrip("/")

    @property
    def raw_prefix(self) -> str:
        """Where tasks write their data when nothing else is said."""
        return self.raw_output_prefix.rstrip("/") or f"{self.base}/data"
