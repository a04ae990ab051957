"""Certificates of servers, read again when their files change."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from flytelike.model.diagnostic import Diagnostic, DiagnosticError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate with the chain to its authority, its key, and whose certificates clients must show (PEM files)."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def check(self) -> None:
        """Raise DiagnosticError `unusable-certificate` unless certificate and key fit each other."""
        try:
            self.context()
            if self.client_ca is not None:
                ssl.create_default_context(cafile=self.client_ca)
        except (OSError, ssl.SSLError) as error:
            told = f"{self.cert} and {self.key} cannot be used: {error}"
            raise DiagnosticError([Diagnostic("unusable-certificate", told)]) from error

    def context(self) -> ssl.SSLContext:
        """Return a context for HTTP."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.cert, self.key)
        return context

    def stamp(self) -> tuple[int, ...]:
        """Return what changes when the files do."""
        paths = [self.cert, self.key, *filter(None, [self.client_ca])]
        return tuple(path.stat().st_mtime_ns for path in paths)

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials for gRPC: each new connection gets the certificate that lies there then."""
        seen = [self.stamp()]

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            try:
                stamp = self.stamp()
                if stamp == seen[0]:
                    return None
                seen[0] = stamp
                return self._configuration()
            except OSError:
                return None  # They are being exchanged: the former one serves on.

        needed = self.client_ca is not None
        # The stub does not know that None means "as before".
        return grpc.dynamic_ssl_server_credentials(self._configuration(), fetch, needed)  # type: ignore[arg-type]

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (self.key.read_bytes(), self.cert.read_bytes())
        authority = None if self.client_ca is None else self.client_ca.read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], authority)
