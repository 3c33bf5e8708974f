"""How a store takes a set of changes: what a bundle means for what is already there. No I/O."""
