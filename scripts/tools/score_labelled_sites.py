"""Scores of a network in pictures of MoS2 whose sites were labelled, by class.

    python scripts/tools/score_labelled_sites.py mos2_labelled/labels.csv --study stem_tmd \\
        --pixel-size 6.jpg:0.092

The table has a row a site: image, row, col (px), and its label, Mo, S2 or S_vacancy; or, of one
picture (--picture), row, col and label, with which everything that does not end in S_vacancy is a
whole site. A labelled site is called what the nearest atom within 0.8 Å is; a site at which nothing
is found, or the class that has lost an atom, is called a vacancy. Atoms away from any labelled site
are not counted. Pixel sizes are those of the lattice unless they are told.

The last line of each group is no method but a look at the labels: how well the grey value of the
pixel that was labelled, over the median of the chalcogens around it, says which sites of a
chalcogen are labelled a vacancy, at the threshold that is best for these labels.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import percentile_filter
from scipy.spatial import cKDTree

from latticework import materials
from latticework.analysis.atoms.cross_sections import by_cross_section
from latticework.analysis.atoms.table import LOWEST_PROBABILITY, read_map
from latticework.cli.published import weights
from latticework.datasets.read import read_picture
from latticework.evaluation.matching import match
from latticework.hardware import best_device
from latticework.inference.class_maps import predict
from latticework.inference.zone_axis import material_sampling
from latticework.learning.weights import load

RADIUS = 0.8  # Å
THRESHOLD = 0.5
READ = {"tile": 1024, "overlap": 128}
VACANCY, WHOLE = "S_vacancy", "atom"
AROUND, EMPTY = 8.0, 16.0  # Å: where a grey value is compared, and where the darkest is looked for


def called(table: pd.DataFrame, places: np.ndarray, whole: bool) -> np.ndarray:
    """What each of some sites (n, 2), Å, is called by a table of atoms."""
    certain = table[table["probability"] >= THRESHOLD]
    found = certain[["x_angstrom", "y_angstrom"]].to_numpy()
    i_found, i_site, _ = match(found, places, RADIUS)
    names = np.full(len(places), VACANCY, dtype=object)
    names[i_site] = certain["class"].replace("S", VACANCY).to_numpy()[i_found]
    return np.where(names == VACANCY, VACANCY, WHOLE) if whole else names


def grey_values(image: np.ndarray, places: np.ndarray, sampling: float) -> np.ndarray:
    """Grey value (n,) of the pixel at each place (n, 2), Å, over the median within 8 Å.

    Both count from the darkest 5 % within 16 Å.
    """
    coarse = 4  # px: a percentile within a wide window takes its time
    dark = percentile_filter(image[::coarse, ::coarse], 5, size=int(EMPTY / sampling / coarse))
    column, row = np.rint(places / sampling).astype(int).T
    grey = image[row, column] - dark[row // coarse, column // coarse]
    near = cKDTree(places).query_ball_point(places, AROUND)
    return grey / np.array([np.median(grey[group]) for group in near])


def best_threshold(grey: pd.Series, vacancy: pd.Series) -> tuple[float, float]:
    """Threshold below which a grey value is best called a vacancy, and the F1 of that."""
    order = np.argsort(grey.to_numpy())
    right = np.cumsum(vacancy.to_numpy()[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + vacancy.sum())
    return float(grey.to_numpy()[order[f1.argmax()]]), float(f1.max())


def picture_rows(
    path: Path,
    sites: pd.DataFrame,
    sampling: float | None,
    symmetries: int,
    network: torch.nn.Module,
    card: Mapping[str, Any],
) -> list[pd.DataFrame]:
    """What the sites of one picture are called: by the network, and by cross-sections as well."""
    material = materials.load(card["material"])
    image = read_picture(path).image[:1].astype(np.float32)
    if sampling is None:
        lattice = material_sampling(image, material)
        if lattice is None:
            raise SystemExit(f"{path.name}: no lattice; tell its pixel with --pixel-size")
        sampling = lattice.sampling
    maps, pixel = predict(
        network, card, image, sampling, symmetries=symmetries, device=best_device(), **READ
    )
    table, _ = read_map(
        maps,
        pixel,
        image.shape[1:],
        sampling,
        card,
        material,
        epsilon=0.995,
        threshold=LOWEST_PROBABILITY,
    )
    places = sites[["col", "row"]].to_numpy() * sampling
    labels = sites["label"].to_numpy()
    whole = WHOLE in labels
    if whole:
        labels = np.where(sites["label"].str.endswith(VACANCY), VACANCY, WHOLE)
    ways = {
        "network": table,
        "cross-sections": by_cross_section(table, image[0], sampling, material),
    }
    grey = np.full(len(places), np.nan)
    chalcogen = (sites["label"] != "Mo").to_numpy() & (not whole)
    if chalcogen.any():
        grey[chalcogen] = grey_values(image[0], places[chalcogen], sampling)
    rows = [
        pd.DataFrame({"way": way, "label": labels, "called": called(atoms, places, whole)})
        for way, atoms in ways.items()
    ]
    if "authors_network" in sites and not whole:
        rows.append(
            pd.DataFrame({"way": "authors", "label": labels, "called": sites["authors_network"]})
        )
    print(f"{path.name}: {sampling:.4f} Å/px", flush=True)
    return [row.assign(image=path.name, grey=grey) for row in rows]


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Right, false and missed sites and F1 of each label, by way."""
    out = []
    for way, part in rows.groupby("way", sort=False):
        for label in sorted(part["label"].unique()):
            is_it, said = part["label"] == label, part["called"] == label
            right = (is_it & said).sum()
            false, missed = said.sum() - right, is_it.sum() - right
            f1 = 2 * right / max(2 * right + false + missed, 1)
            out.append((way, label, right, false, missed, round(f1, 3)))
    return pd.DataFrame(out, columns=["way", "label", "right", "false", "missed", "f1"])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path, help="the table of sites; pictures lie beside it")
    parser.add_argument("--study", default="stem_tmd")
    parser.add_argument("--weights", type=Path, help="other weights than the study's published")
    parser.add_argument(
        "--symmetries", type=int, default=1, help="orientations in which a picture is read"
    )
    parser.add_argument("--picture", help="the picture, where the table does not name it")
    parser.add_argument(
        "--pixel-size", nargs="*", default=[], metavar="PICTURE:Å", help="of pictures, told"
    )
    parser.add_argument("-o", "--output", type=Path, help="a table of all sites to keep")
    given = parser.parse_args()
    told = {name: float(size) for name, size in (word.split(":") for word in given.pixel_size)}
    network, card = load(given.weights or weights(given.study, None))
    sites = pd.read_csv(given.labels)
    if given.picture:
        sites = sites.assign(image=given.picture)
    rows = []
    for name, part in sites.groupby("image", sort=False):
        path = given.labels.with_name(str(name))
        rows += picture_rows(path, part, told.get(str(name)), given.symmetries, network, card)
    everything = pd.concat(rows, ignore_index=True)
    if given.output:
        everything.to_csv(given.output, index=False)
    number = pd.to_numeric(everything["image"].str.split(".").str[0], errors="coerce")
    groups = {"all": everything}
    if everything["image"].nunique() == 20:
        groups = {"1 to 10": everything[number <= 10], "11 to 20": everything[number > 10]} | groups
    for name, part in groups.items():
        print(name, scores(part).to_string(index=False), sep="\n")
        seen = part[(part["way"] == "network") & part["grey"].notna()]
        if len(seen):
            threshold, f1 = best_threshold(seen["grey"], seen["label"] == VACANCY)
            print(f"grey value below {threshold:.2f} at the labelled pixel: F1 {f1:.3f}")


if __name__ == "__main__":
    main()
