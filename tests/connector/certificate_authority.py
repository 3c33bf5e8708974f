"""Certificates for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates for ``localhost``.

    Args:
        root: Who signs this authority; None: itself.
        is_in_form: It says all that RFC 5280 wants; old ones do not.
    """

    def __init__(
        self, folder: Path, name: str = "authority", *, root: Authority | None = None, is_in_form: bool = True
    ) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test {name}")])
        self._is_in_form = is_in_form
        signer = root or self
        built = signer._builder(self._name, self._key, 365)
        built = built.add_extension(x509.BasicConstraints(True, None), critical=is_in_form)
        if is_in_form:
            identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
            signed = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer._key.public_key())
            built = built.add_extension(identifier, False).add_extension(signed, False)
            built = built.add_extension(_usage(is_authority=True), True)
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(built.sign(signer._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        self._count = 0

    def issue(self, name: str, days: float = 90) -> Issued:
        """Return a certificate that lapses in some days."""
        self._count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        built = self._builder(subject, key, days).add_extension(names, False)
        if self._is_in_form:
            signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            built = built.add_extension(signer, False).add_extension(_usage(is_authority=False), True)
        issued = Issued(self.folder / f"{name}{self._count}.pem", self.folder / f"{name}{self._count}.key")
        issued.certificate.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        issued.key.write_bytes(key.private_bytes(*form))
        return issued

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
        )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, is_authority, is_authority, False, False)
