"""Figure: a held-out structure, its picture, its ground truth and the network's prediction."""

import pandas as pd
import torch

from latticework.analysis.held_out import load_held_out, read_held_out
from latticework.figures import style
from latticework.figures.training import training_example
from latticework.imaging.labels import render_labels
from latticework.logs import tee
from latticework.seeds import torch_seed

tee(snakemake.log[0])
# Nothing of how peaks are told from background is used.
inference = {
    "weights": snakemake.input.weights,
    "tile": snakemake.params.tile,
    "overlap": snakemake.params.overlap,
    "symmetries": snakemake.params.symmetries,
}
held_out = load_held_out(
    snakemake.input.weights,
    [snakemake.input.structures],
    [snakemake.input.waves],
    snakemake.params.evaluation,
    inference,
)
bank, card, structures = held_out.bank, held_out.card, held_out.structures
bounds = pd.read_csv(snakemake.input.bounds)
# The best defocus that there is, at the dose in the middle of those evaluated.
doses = sorted(held_out.settings.doses)
dose = doses[len(doses) // 2]
at_dose = bounds[bounds["dose"] == dose]
defocus = float(at_dose.loc[at_dose["bound"].idxmin(), "defocus"])
# A typical structure: of those with more atoms to be seen there are as many as with fewer.
order = sorted(range(len(structures)), key=lambda i: structures[i].arrays["visible"].sum())
chosen = order[len(order) // 2]
picture, probabilities, sampling = read_held_out(
    held_out,
    chosen,
    defocus=defocus,
    dose=dose,
    seed=torch_seed(snakemake.params.seed, "figure/training_example"),
)
size = picture.shape[-1]
truth = render_labels(
    bank.positions[[chosen]],
    bank.classes[[chosen]],
    (size, size),
    torch.tensor([bank.box / size]),
    card["imaging"]["label_sigma"],
    card["network"]["classes"],
    box=bank.box,
)
style.save(
    training_example(
        structures[chosen],
        picture[0],
        1 - truth[0, 0].numpy(),
        1 - probabilities[0],
        sampling,
        f"{dose:,.0f} e/Å², defocus {defocus:g} Å".replace("-", "−"),
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
