"""Grow atoms, image them in a simulated microscope, train networks on the images, read micrographs.

The modules follow the data: structures, simulation, imaging, networks, learning, inference,
analysis, datasets, figures. A module imports only from modules that stand before it.
"""

__version__ = "0.1.0"
