"""The laboratory: grids of models trained on the package `tessera`, measured, and shown on a page."""
