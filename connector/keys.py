"""Where secrets are: a file, an environment variable, or the system's keyring; never the configuration."""

from __future__ import annotations

import os
from pathlib import Path

from shared.message.errors.storage import SecretMissing

KINDS = ("file:", "env:", "keyring:")


def read_secret(place: str) -> str:
    """Return the secret at ``file:/path``, ``env:NAME`` or ``keyring:service/name``.

    Raises:
        SecretMissing: it is not there, or is empty.
    """
    kind, _, name = place.partition(":")
    found = os.environ.get(name) if kind == "env" else _from_file(name) if kind == "file" else _from_keyring(name)
    if not found or not found.strip():
        raise SecretMissing(place)
    return found.strip()


def identity_certificate() -> Path | None:
    """Return the certificate with which the Azure SDK signs in to Entra; None: it does so otherwise."""
    found = os.environ.get("AZURE_CLIENT_CERTIFICATE_PATH")
    return Path(found) if found else None


def signs_in() -> bool:
    """Tell whether the Azure SDK asks Entra over the network; a managed identity is asked on this machine."""
    return bool(os.environ.get("AZURE_TENANT_ID"))


def _from_file(name: str) -> str | None:
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"file:{name}: {type(error).__name__}") from None


def _from_keyring(name: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise SecretMissing("the package `keyring` is not installed") from None
    service, _, user = name.partition("/")
    try:
        found: str | None = keyring.get_password(service, user)
    except KeyringError as error:  # no keyring on this system, or it is locked
        raise SecretMissing(f"keyring:{name}: {type(error).__name__}") from None
    return found
