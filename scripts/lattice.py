"""Strain at every atom, and every bond, of a dataset's atoms."""

import pandas as pd

from latticework import shards
from latticework.analysis.lattice import bond_table
from latticework.analysis.strain import strain_table
from latticework.logs import tee

tee(snakemake.log[0])
atoms = pd.read_csv(snakemake.input.atoms)
strains, bonds = [strain_table([]).assign(frame=[])], [bond_table([]).assign(frame=[])]
for frame, table in atoms.groupby("frame"):
    positions = table[["x_angstrom", "y_angstrom"]].to_numpy()
    strains.append(strain_table(positions).assign(frame=frame))
    bonds.append(bond_table(positions).assign(frame=frame))
shards.write_csv(snakemake.output.strain, pd.concat(strains, ignore_index=True))
shards.write_csv(snakemake.output.bonds, pd.concat(bonds, ignore_index=True))
