"""Figure: a defect's atoms, rings and strain beside the atoms that a person marked."""

import numpy as np
import pandas as pd

from latticework.analysis.lattice import faces, voronoi_vertices
from latticework.figures import style
from latticework.figures.graphene import defect, ring_polygons, xy
from latticework.figures.pictures import read_pictures
from latticework.logs import tee

tee(snakemake.log[0])
pictures = read_pictures(snakemake.input.dataset, snakemake.input.maps)
atoms, bonds = pd.read_csv(snakemake.input.strain), pd.read_csv(snakemake.input.bonds)
atoms, bonds = atoms[atoms["frame"] == 0], bonds[bonds["frame"] == 0]
reference = np.empty((0, 2))
if pictures.reference is not None and not pictures.problem:
    reference = voronoi_vertices(pictures.reference) * pictures.frames[0].sampling
rings = ring_polygons(xy(atoms), *faces(xy(atoms), bonds[["first", "second"]].to_numpy()))
style.save(
    defect(pictures, atoms, bonds, rings, reference),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
