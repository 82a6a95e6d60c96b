"""Surfaces, as scanned images show them: lattices, order, sites, molecules."""
