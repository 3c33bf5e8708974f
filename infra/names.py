"""How resources are called: ``sb-contoso-prod``. Names are derived, never random, so that a runbook can name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one stack's resources."""

    prefix: str
    stage: str

    def of(self, kind: str) -> str:
        """Return a name with Azure's usual abbreviation in front: ``kv-contoso-dev``."""
        return f"{kind}-{self.prefix}-{self.stage}"

    def storage(self, purpose: str) -> str:
        """Return the name of a storage account: letters and digits only, 24 at most."""
        return f"st{purpose}{self.prefix}{self.stage}"
