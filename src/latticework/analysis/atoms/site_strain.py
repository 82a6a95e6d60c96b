"""The strain of a single dopant's site, from how far its neighbours are in projection."""

from collections.abc import Mapping

import numpy as np

from latticework.analysis.atoms.defect import Defect
from latticework.materials import Material

# Standard deviations within which a bond agrees with a strain, and steps of the strain, %.
AGREES, STEP = 2.0, 0.1


def compatible_strain(
    bond: float, sigma: float, table: Mapping[float, float]
) -> tuple[float, float]:
    """Least and largest strain, %, that a mean bond (± sigma, Å) is compatible with.

    `table` has the bond, Å, at each strain, and in between it is a straight line. A silicon atom
    that replaces carbon stands out of the sheet and is drawn into it by the first per cent of
    strain; beyond that the bond says little, and the range is wide. NaN where no strain agrees.
    """
    known = np.array(sorted(table.items()), dtype=float)
    strain = np.arange(known[0, 0], known[-1, 0] + STEP / 2, STEP)
    agrees = np.abs(np.interp(strain, *known.T) - bond) <= AGREES * sigma
    if not agrees.any():
        return np.nan, np.nan
    return float(strain[agrees].min()), float(strain[agrees].max())


def site_strain(defect: Defect, material: Material) -> tuple[float, float]:
    """`compatible_strain` of a single dopant with as many neighbours as its host has; else NaN."""
    facts = material.defects
    alone = defect.n_dopant == 1 and defect.n_host == material.bonds.coordination
    if not facts.strain or not alone or not np.isfinite(defect.bond_sigma):
        return np.nan, np.nan
    return compatible_strain(defect.bond, defect.bond_sigma, facts.strain)
