"""FHIR that comes in: read, who it is about, and what it changes. Pure."""
