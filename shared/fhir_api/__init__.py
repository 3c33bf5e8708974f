"""The FHIR edge: what the hub shows of the store."""
