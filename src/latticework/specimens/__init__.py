"""Specimens that a simulated probe scans: what lies under it at each position.

A specimen is a file of this room that a configuration names. It defines `Parameters` and

- `prepare(parameters, seed, name, reach)`: whatever its positions share;
- `places(parameters)`: positions (rows, columns, 2) of the probe, x and y in Å;
- `local_box(prepared, place, side)`: atoms in a box whose middle is at a place, the beam along +z;
- `design_deformation(parameters, x)`: (2, 2), of the lattice as it was grown;
- `true_deformation(parameters, x)`: the same in projection: a tilt foreshortens;
- `reference(parameters)`: reciprocal vectors u, v (2, 2) of the undeformed lattice, 1/Å;
- `settled(parameters, x, reach)`: whether a probe that reaches so many Å sees one lattice alone.
"""
