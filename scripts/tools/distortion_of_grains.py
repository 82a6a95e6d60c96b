"""Pixel size and distortion of a picture of two grains, by the {111} of each grain on its own.

    python scripts/tools/distortion_of_grains.py gold_grain_boundary.png --material gold \\
        --grains 0,100,190,512 330,0,512,420

A slow scan shears and stretches a picture, so that reflections of one kind give pixel sizes of
their own, which differ. Both grains lie in the same scan: one symmetric matrix, their two
orientations and a cubic crystal along ⟨110⟩ have to explain two reflections of each grain, eight
numbers by five. The pixel size is the root of the matrix's determinant: that of areas, which a
shear does not change.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from scipy import ndimage, optimize

from latticework import materials
from latticework.datasets.read import read_picture

PADDED = 2048  # px, of the spectrum
LIMITS = (0.03, 0.12)  # 1/px, where reflections are looked for
APART = 0.012  # 1/px, of one reflection from another
SOLVED = 0.02  # largest RMS misfit of a solution, of the reflections' length


def reflections(image: np.ndarray, box: list[int], count: int = 3) -> np.ndarray:
    """The strongest reflections (count, 2) of a part x0, y0, x1, y1 of an image (ny, nx), 1/px."""
    part = image[box[1] : box[3], box[0] : box[2]]
    part = (part - ndimage.gaussian_filter(part, 20)) * np.outer(*map(np.hanning, part.shape))
    power = np.abs(np.fft.fft2(part, (PADDED, PADDED))) ** 2
    along = np.fft.fftfreq(PADDED)
    x, y = np.meshgrid(along, along)
    radius = np.hypot(x, y)
    left = np.where((radius > LIMITS[0]) & (radius < LIMITS[1]) & (x >= 0), power, 0)
    found = []
    for _ in range(count):
        row, column = np.unravel_index(left.argmax(), left.shape)
        near = np.hypot(x - along[column], y - along[row]) < APART / 4
        found.append([np.average(part[near], weights=power[near]) for part in (x, y)])
        for sign in (1, -1):
            left[np.hypot(x - sign * along[column], y - sign * along[row]) < APART] = 0
    return np.array(found)


def common_distortion(grains: list[np.ndarray], ideal: np.ndarray) -> tuple[float, np.ndarray]:
    """RMS misfit and matrix (2, 2), Å⁻¹ of what is 1 px⁻¹, that makes the reflections (3, 2) of
    each grain those of the crystal, `ideal` (2, 2), Å⁻¹."""
    length = np.linalg.norm(ideal[0])
    start = length / np.mean([np.linalg.norm(g, axis=1) for g in grains])
    best = (np.inf, np.eye(2))
    pairs = [[g[list(order)] for order in itertools.permutations(range(3), 2)] for g in grains]
    signs = [np.array([[1], [sign]]) for sign in (1, -1)]
    for two, flips in itertools.product(
        itertools.product(*pairs), itertools.product(signs, repeat=2)
    ):
        seen = [pair * flip for pair, flip in zip(two, flips, strict=True)]
        angles = [np.arctan2(*g[0, ::-1]) - np.arctan2(*ideal[0, ::-1]) for g in seen]

        def misfit(p: np.ndarray, seen: list[np.ndarray] = seen) -> np.ndarray:
            matrix = np.array([[p[0], p[1]], [p[1], p[2]]])
            turned = (np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in p[3:])
            parts = [g @ matrix - ideal @ t for g, t in zip(seen, turned, strict=True)]
            return np.concatenate(parts).ravel() / length

        fit = optimize.least_squares(misfit, [start, 0, start, *angles], max_nfev=40)
        rms = float(np.sqrt(np.mean(fit.fun**2)))
        if rms < best[0]:
            best = (rms, np.array([[fit.x[0], fit.x[1]], [fit.x[1], fit.x[2]]]))
    return best


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--material", default="gold", help="one whose axis 110 has reflections")
    parser.add_argument("--grains", nargs=2, required=True, metavar="X0,Y0,X1,Y1", help="px")
    given = parser.parse_args()
    image = read_picture(given.picture).image[0].astype(float)
    ideal = np.array(materials.load(given.material).reflections.zone_axes["110"][:2])
    spacing = 1 / np.linalg.norm(ideal[0])
    grains = [reflections(image, [int(n) for n in word.split(",")]) for word in given.grains]
    rms, matrix = common_distortion(grains, ideal)
    pixel = 1 / np.sqrt(abs(np.linalg.det(matrix)))
    principal = np.sort(1 / np.abs(np.linalg.eigvalsh(matrix)))
    print(f"one distortion of both grains: RMS misfit {rms:.4f} (a solution below {SOLVED})")
    print(
        f"pixel {pixel:.4f} Å; along its principal axes {principal[0]:.4f} and {principal[1]:.4f}"
    )
    for word, grain in zip(given.grains, grains, strict=True):
        # The two reflections whose true length is that of {111}.
        true = np.linalg.norm(grain @ matrix, axis=1) * spacing
        kind = np.argsort(true)[:2]
        single = np.linalg.norm(grain[kind], axis=1) * spacing
        across = abs(grain[kind[0], 0] * grain[kind[1], 1] - grain[kind[0], 1] * grain[kind[1], 0])
        area = np.sqrt(across / abs(np.linalg.det(ideal)))
        told = ", ".join(f"{one:.4f} ({one / pixel - 1:+.1%})" for one in single)
        print(f"grain {word}: by each {{111}} {told} Å; by the area of their cell {area:.4f} Å")


if __name__ == "__main__":
    main()
