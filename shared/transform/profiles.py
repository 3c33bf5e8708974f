"""What the profiles an interface asks for require of the resources a message becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.message.finding import Finding

if TYPE_CHECKING:
    from shared.registry import Interface


def profile_findings(interface: Interface, bundle: dict[str, Any]) -> list[Finding]:
    """Return what the interface's profiles require and the bundle does not have; nothing where it asks for none."""
    if "us-core" not in interface.profiles:
        return []
    from shared.fhir.us_core import check_bundle

    return check_bundle(bundle)
