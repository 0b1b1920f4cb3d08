"""The laboratory: grids of models trained on the package `tessera_rec`, measured, and shown on a page."""
