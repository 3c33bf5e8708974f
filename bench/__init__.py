"""Measurements the README quotes: each a ratio against something in the same run, never a bare time."""
