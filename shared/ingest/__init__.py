"""Ingest: recognise, archive, number, enqueue; only then acknowledge (rule R1)."""
