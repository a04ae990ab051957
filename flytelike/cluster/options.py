"""How a replica of the control plane is run, and what of it cannot be."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.cluster.pod_tokens import PodTokenSettings
from flytelike.controlplane.access.options import AccessOptions
from flytelike.controlplane.database import database_url
from flytelike.controlplane.loopback import is_loopback
from flytelike.controlplane.secret_files import KEY_BYTES_MIN, SecretFile
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tls import TlsFiles
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from propeller.app.logs import log_to_stderr
from propeller.app.monitoring import address_of
from propeller.app.settings_file import from_file
from propeller.kube.client import ClientSettings

__all__ = ["ClientSettings", "ReplicaOptions", "Secrets", "from_file", "log_to_stderr"]

CONNECTION_AGE = 0.7
"""The part of the drain after which connections are made anew: all have gone elsewhere when it ends."""

RECONCILE_S = 15.0


@dataclass(frozen=True, slots=True)
class Secrets:
    """Files with secrets: tokens of clients and operators, the key that signs addresses, certificates."""

    token_file: Path | None = None
    propeller_token_file: Path | None = None
    signing_key_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ReplicaOptions:
    """How a replica is run; addresses are `HOST:PORT`, times in seconds."""

    database: str = field(repr=False)
    store: str
    grpc: str = "127.0.0.1:8089"
    http: str = "127.0.0.1:8088"
    propeller: str = "127.0.0.1:8087"
    monitoring: str = "127.0.0.1:8086"
    public_url: str = ""
    secrets: Secrets = field(default_factory=Secrets)
    drain_s: float = 20.0
    grace_s: float = 20.0
    cache_ttl_s: int = 0
    cache_bytes_max: int = 0
    access: AccessOptions = field(default_factory=AccessOptions)
    retention: Path | None = None
    client: ClientSettings = field(default_factory=ClientSettings)
    pod_tokens: PodTokenSettings = field(default_factory=PodTokenSettings)

    def check(self) -> None:
        """Raise DiagnosticError with everything that cannot be."""
        faults = [*self._faults()]
        if not faults:
            faults.extend(_unusable(self.secrets))
        if faults:
            raise DiagnosticError(faults)

    def tls(self) -> TlsFiles | None:
        """Return the certificate of clients' ports."""
        secrets = self.secrets
        if secrets.tls_cert_file is None or secrets.tls_private_key_file is None:
            return None
        return TlsFiles(secrets.tls_cert_file, secrets.tls_private_key_file)

    def propeller_tls(self) -> TlsFiles | None:
        """Return the certificate of the operators' port, who may have to show one themselves."""
        tls = self.tls()
        return None if tls is None else TlsFiles(tls.cert, tls.key, self.secrets.client_ca_file)

    def settings(self) -> Settings:
        """Return the control plane's settings."""
        host, grpc_port = address_of(self.grpc)
        http_host, http_port = address_of(self.http)
        key = self.secrets.signing_key_file
        return Settings(
            database_url=database_url(self.database),
            store_base=self.store,
            host=host,
            grpc_port=grpc_port,
            http_host=http_host,
            http_port=http_port,
            public_url=self.public_url,
            upload_secret=b"" if key is None else SecretFile(key, KEY_BYTES_MIN).lines[0].encode(),
            token_file=self.secrets.token_file,
            tls=self.tls(),
            access=self.access,
            shutdown_grace_s=self.grace_s,
            reconcile_s=RECONCILE_S,
            connection_age_s=self.drain_s * CONNECTION_AGE,
            cache_ttl_ns=self.cache_ttl_s * 1_000_000_000,
            cache_bytes_max=self.cache_bytes_max,
        )

    def _faults(self) -> Iterator[Diagnostic]:
        secrets = self.secrets
        known = self.access.guards or secrets.token_file is not None
        for option, address, needed, guarded in (
            ("grpc", self.grpc, "token-file, --oidc-issuer or --require-login", known),
            ("http", self.http, "signing-key-file", secrets.signing_key_file is not None),
            ("propeller", self.propeller, "propeller-token-file", secrets.propeller_token_file is not None),
            ("monitoring", self.monitoring, "", False),
        ):
            try:
                host, _ = address_of(address)
            except ValueError as error:
                yield Diagnostic("invalid-option", f"--{option}-bind-address: {error}")
                continue
            if needed and not guarded and not is_loopback(host):
                told = f"--{option}-bind-address {address} can be reached from elsewhere, and anybody may call there"
                yield Diagnostic("unprotected-address", told, help=(f"give --{needed}, or listen on 127.0.0.1",))
        if (secrets.tls_cert_file is None) != (secrets.tls_private_key_file is None):
            yield Diagnostic("contradictory-options", "--tls-cert-file and --tls-private-key-file go together")
        if secrets.client_ca_file is not None and secrets.tls_cert_file is None:
            yield Diagnostic("contradictory-options", "--client-ca-file needs --tls-cert-file")


def _unusable(secrets: Secrets) -> Iterator[Diagnostic]:
    """Yield what is wrong with the files."""
    for path, least in (
        (secrets.token_file, 16),
        (secrets.propeller_token_file, 16),
        (secrets.signing_key_file, KEY_BYTES_MIN),
    ):
        try:
            if path is not None:
                SecretFile(path, least)
        except DiagnosticError as error:
            yield from error.diagnostics
    try:
        if secrets.tls_cert_file is not None and secrets.tls_private_key_file is not None:
            TlsFiles(secrets.tls_cert_file, secrets.tls_private_key_file, secrets.client_ca_file).check()
    except DiagnosticError as error:
        yield from error.diagnostics
