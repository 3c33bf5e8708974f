"""The fault harness: one world in virtual time, broken at every step (docs/proof.md)."""
