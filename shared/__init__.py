"""The library of the hub. Importing it chooses between its compiled build and its source (docs/compiled.md)."""

from shared.compiled import use_if_it_fits

RUNNING = use_if_it_fits()
