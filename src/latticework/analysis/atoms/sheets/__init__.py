"""Refinement of sheets, which are thin enough to be phase objects: see `refinement`."""
