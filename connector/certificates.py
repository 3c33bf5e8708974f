"""The certificates that the configuration names, and the days that they have left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from connector.config import Config, DeliverTable, ListenTable
from connector.keys import identity_certificate

WARN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in use.

    Attributes:
        of: Which table uses it.
        lapses: When it lapses, its chain included. None: it cannot be read.
    """

    of: str
    file: Path
    lapses: datetime | None

    def days(self, now: datetime) -> float | None:
        """Return the days until it lapses; below 0 it has."""
        return None if self.lapses is None else (self.lapses - now).total_seconds() / 86_400


def certificates(config: Config) -> list[Certificate]:
    """Return every certificate of ours, and how long it is good."""
    return [Certificate(of, file, _lapses(file)) for of, file in _files(config)]


def _files(config: Config) -> Iterator[tuple[str, Path]]:
    if config.hub is not None and config.hub.certificate is not None:
        yield "hub", config.hub.certificate
    identity = identity_certificate()
    if identity is not None and _asks_entra(config):
        yield "identity", identity
    tables: list[ListenTable | DeliverTable] = [*config.listen, *config.deliver]
    for table in tables:
        if table.tls is not None and table.tls.certificate is not None:
            yield table.name, table.tls.certificate


def _asks_entra(config: Config) -> bool:
    is_asked_up = config.hub is not None and config.hub.authentication == "entra"
    return is_asked_up or (config.relay is not None and config.relay.key is None)


def _lapses(file: Path) -> datetime | None:
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return None
    return min(one.not_valid_after_utc for one in found)
