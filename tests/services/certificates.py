"""Certificates of tests: an authority of their own, and what it signs."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _signing() -> x509.KeyUsage:
    """Return what an authority's key is for; Python 3.13 wants to be told."""
    others = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
              "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(key_cert_sign=True, **dict.fromkeys(others, False))


class Authority:
    """Signs certificates for addresses: those of 127.0.0.1 if nothing is said.

    They name the keys that they are of and by, unless it is one of those that do not.
    """

    def __init__(
        self, folder: Path, name: str, addresses: Sequence[str] = ("127.0.0.1",), *, names_keys: bool = True
    ) -> None:
        """Make the authority's own certificate: `file`, which clients are to trust."""
        self.folder, self.name, self.addresses, self.names_keys = folder, name, addresses, names_keys
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.crt"
        self.file.write_bytes(
            self._signed(self.issuer, self.key, authority=True).public_bytes(serialization.Encoding.PEM)
        )

    def pair(self, who: str) -> tuple[Path, Path]:
        """Return the files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])
        cert, secret = self.folder / f"{who}.crt", self.folder / f"{who}.key"
        cert.write_bytes(self._signed(subject, key).public_bytes(serialization.Encoding.PEM))
        private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
        return cert, secret

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(one)) for one in self.addresses])
        builder = (
            x509.CertificateBuilder(self.issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(names, critical=False)
        )
        if self.names_keys:
            own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            issuers = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(own, critical=False).add_extension(issuers, critical=False)
        if authority:
            builder = builder.add_extension(_signing(), critical=True)
        return builder.sign(self.key, hashes.SHA256())
