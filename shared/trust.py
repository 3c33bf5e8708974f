"""Whose certificates are believed where the configuration names an authority."""

from __future__ import annotations

import ssl
from pathlib import Path


def trust(authority: Path | str | None) -> ssl.SSLContext | None:
    """Return how the certificate of the other end is checked: by this authority alone; None: as the system does.

    Args:
        authority: PEM, or the file that holds it.

    Raises:
        OSError: the file cannot be read, or it is no PEM (`ssl.SSLError`).
    """
    if authority is None:
        return None
    if isinstance(authority, Path):
        context = ssl.create_default_context(cafile=authority)
    else:
        context = ssl.create_default_context(cadata=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    believe_as_issued(context)
    return context


def believe_as_issued(context: ssl.SSLContext) -> None:
    """Let what was named be believed as it is, on every Python alike (decision 0175).

    From 3.13 on a default context refuses authorities that are not in the form of RFC 5280, which many a hospital's is
    not, and before 3.13 it believes no issuing authority without its root.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
