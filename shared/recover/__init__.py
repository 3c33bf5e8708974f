"""Recover: what a person sets going again."""
