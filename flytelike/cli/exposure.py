"""Options that say how a platform is reached from other machines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from flytelike.cli.access_options import option
from flytelike.controlplane.access.options import AccessOptions
from flytelike.controlplane.loopback import is_loopback
from flytelike.controlplane.tls import TlsFiles
from flytelike.model.diagnostic import Diagnostic, DiagnosticError

F = TypeVar("F", bound=Callable[..., object])

FILE = click.Path(dir_okay=False, path_type=Path)


def exposure_options(command: F) -> F:
    """Add the options."""
    for add in (
        option("--insecure", "Listen beyond loopback without login or TLS all the same.", is_flag=True),
        option("--public-url", "Address of the HTTP port as clients reach it.", default=""),
        option("--tls-private-key-file", "Its key.", type=FILE),
        option("--tls-cert-file", "Certificate of the ports, PEM.", type=FILE),
    ):
        command = add(command)  # type: ignore[assignment]
    return command


def tls_of(given: dict[str, Any], host: str, access: AccessOptions) -> TlsFiles | None:
    """Return the certificate to show.

    Raises:
        DiagnosticError: `contradictory-options`, `unusable-certificate`, or `unprotected-address`: the host is reached
            from elsewhere, without a login or without TLS, and nobody said that this is meant.
    """
    cert, key = given["tls_cert_file"], given["tls_private_key_file"]
    if (cert is None) != (key is None):
        told = "--tls-cert-file and --tls-private-key-file go together"
        raise DiagnosticError([Diagnostic("contradictory-options", told)])
    tls = None if cert is None else TlsFiles(cert, key)
    if tls is not None:
        tls.check()
    if not is_loopback(host) and not given["insecure"] and (tls is None or not access.guards):
        raise DiagnosticError([unprotected(host, has_tls=tls is not None, guarded=access.guards)])
    return tls


def unprotected(host: str, *, has_tls: bool, guarded: bool) -> Diagnostic:
    """Return the diagnostic for a host that can be reached from elsewhere."""
    lacking, remedies = [], []
    if not guarded:
        lacking.append("anybody may call there")
        remedies.append("let callers say who they are: --require-login or --oidc-issuer")
    if not has_tls:
        lacking.append("what is sent there can be read on the way")
        remedies.append("give --tls-cert-file and --tls-private-key-file")
    told = f"--host {host} can be reached from elsewhere, and {' and '.join(lacking)}"
    remedies.append("or say --insecure, where a proxy speaks TLS and the network is your own; or listen on 127.0.0.1")
    return Diagnostic("unprotected-address", told, help=tuple(remedies))
