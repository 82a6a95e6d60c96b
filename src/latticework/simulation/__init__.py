"""Atoms → exit waves and diffraction patterns: the only modules that import a simulator."""
