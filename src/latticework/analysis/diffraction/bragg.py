"""Maps of structure factors → Bragg peaks, with the spread of Monte Carlo predictions.

In torch, many maps at once, on any device. Positions are in 1/Å from the zero frequency, which lies
in pixel n // 2; qx is to the right, qy down.
"""

import pandas as pd
import torch
from torch.nn.functional import max_pool2d

COLUMNS = ["pattern", "qx", "qy", "intensity"]
# Of a peak's height: what lies below does not count in the parabola through its logarithm.
FLOOR = 1e-3


def local_maxima(maps: torch.Tensor, threshold: float, separation: int) -> torch.Tensor:
    """Indices (peaks, 3) of map, row, column of the maxima of maps (n, ny, nx).

    A maximum is the largest value within `separation` px along both axes, at least `threshold`
    times the map's largest, and positive. The outermost pixels, which have no neighbours to find a
    maximum between them, have none.
    """
    largest = max_pool2d(maps[:, None], 2 * separation + 1, stride=1, padding=separation)[:, 0]
    limit = threshold * maps.amax(dim=(-2, -1), keepdim=True)
    found = (maps == largest) & (maps >= limit) & (maps > 0)
    found[:, [0, -1]] = False
    found[:, :, [0, -1]] = False
    return torch.nonzero(found)


def refine(maps: torch.Tensor, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sub-pixel rows and columns (peaks, 2) and heights (peaks,) of maxima at `indices`.

    The vertex of a parabola through the logarithm of three pixels along each axis: exact for a
    Gaussian. At most half a pixel away from its maximum.
    """
    number, row, column = indices.T
    middle = maps[number, row, column]

    def logarithm(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.maximum(maps[number, rows, columns] / middle, torch.tensor(FLOOR)))

    position, gain = [], torch.zeros_like(middle)
    for axis, (dy, dx) in enumerate(((1, 0), (0, 1))):
        before, after = logarithm(row - dy, column - dx), logarithm(row + dy, column + dx)
        # The middle's logarithm is zero; a plateau has no curvature and stays where it is.
        curvature = (before + after).clamp(max=-1e-9)
        shift = ((before - after) / (2 * curvature)).clamp(-0.5, 0.5)
        position.append(indices[:, axis + 1] + shift)
        gain = gain + 0.5 * (before - after) ** 2 / (-4 * curvature)
    return torch.stack(position, dim=1), middle * torch.exp(gain)


def bragg_peaks(
    maps: torch.Tensor, step: float, *, threshold: float = 0.01, separation: int = 2
) -> pd.DataFrame:
    """Peaks of maps (n, size, size), one row each: pattern, qx, qy (1/Å), intensity.

    `step` is the pixel in 1/Å; `threshold` and `separation` are those of `local_maxima`. In the
    order of the maps, the strongest first. Raises ValueError for maps that are not finite.
    """
    if not maps.isfinite().all():
        raise ValueError("maps of structure factors must be finite, found NaN or infinity")
    indices = local_maxima(maps, threshold, separation)
    position, height = refine(maps, indices)
    q = (position - maps.shape[-1] // 2) * step
    table = pd.DataFrame(
        {
            "pattern": indices[:, 0].cpu().numpy(),
            "qx": q[:, 1].cpu().numpy(),
            "qy": q[:, 0].cpu().numpy(),
            "intensity": height.cpu().numpy(),
        },
        columns=COLUMNS,
    )
    return table.sort_values(
        ["pattern", "intensity"], ascending=[True, False], kind="stable", ignore_index=True
    )


def windows(maps: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, reach: int):
    """Squares (maps, peaks, w, w), w = 2 reach + 1, of maps (maps, ny, nx) about pixels (peaks,).

    Outside of a map is what lies at its edge.
    """
    offset = torch.arange(-reach, reach + 1, device=maps.device)
    y = (rows[:, None] + offset).clamp(0, maps.shape[-2] - 1)
    x = (columns[:, None] + offset).clamp(0, maps.shape[-1] - 1)
    return maps[:, y[:, :, None], x[:, None, :]]


def monte_carlo_peaks(
    samples: torch.Tensor,
    step: float,
    *,
    threshold: float = 0.01,
    separation: int = 2,
    reach: int = 2,
) -> pd.DataFrame:
    """Peaks of the mean of repeated predictions of one pattern, and how they spread.

    `samples` (samples, size, size), at least two, differ by their dropout. Columns are those of
    `bragg_peaks` without the pattern, `sigma`, the standard deviation of the position per axis
    (1/Å), and `sigma_intensity`. A peak is looked for in each sample within `reach` px of its
    place in the mean. Raises ValueError for fewer samples and for maps that are not finite.
    """
    if len(samples) < 2:
        raise ValueError(f"a spread needs at least two predictions, found {len(samples)}")
    size = samples.shape[-1]
    table = bragg_peaks(
        samples.mean(dim=0, keepdim=True), step, threshold=threshold, separation=separation
    ).drop(columns="pattern")
    if table.empty:
        return table.assign(sigma=[], sigma_intensity=[])
    columns, rows = (
        torch.as_tensor(
            (table[name] / step).round().to_numpy() + size // 2, device=samples.device
        ).long()
        for name in ("qx", "qy")
    )
    squares = windows(samples, rows, columns, reach + 1)
    inner = squares[..., 1:-1, 1:-1].flatten(2)
    best = inner.argmax(dim=-1)
    width = 2 * reach + 1
    flat = squares.flatten(0, 1)
    number = torch.arange(len(flat), device=samples.device)
    local = torch.stack([number, best.flatten() // width + 1, best.flatten() % width + 1], dim=1)
    position, height = refine(flat, local)
    position = position.unflatten(0, best.shape)
    spread = position.std(dim=0).square().mean(dim=-1).sqrt() * step
    table["sigma"] = spread.cpu().numpy()
    table["sigma_intensity"] = height.unflatten(0, best.shape).std(dim=0).cpu().numpy()
    return table
