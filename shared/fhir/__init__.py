"""FHIR R4 (4.0.1): what is valid, what points where, how a bundle of changes is built. It reads its schemas only."""
