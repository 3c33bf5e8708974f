"""Logs: codes and ids, never content."""
