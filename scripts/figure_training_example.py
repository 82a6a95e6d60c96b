"""Figure: a held-out structure, its picture, its ground truth and the network's prediction."""

import pandas as pd
import torch

from latticework import config
from latticework.analysis.evaluation import held_out_picture
from latticework.figures import style
from latticework.figures.training import training_example
from latticework.imaging.labels import render_labels
from latticework.inference.prediction import best_device, predict, working_sampling
from latticework.learning import weights
from latticework.learning.data import load_wave_bank
from latticework.logs import tee
from latticework.seeds import torch_seed
from latticework.structures import read_structures

tee(snakemake.log[0])
network, card = weights.load(snakemake.input.weights)
bank = load_wave_bank([snakemake.input.waves], card["imaging"]["band_limit"])
settings = config.Evaluation.model_validate(snakemake.params.evaluation)
bounds = pd.read_csv(snakemake.input.bounds)
# The best defocus that there is, at the dose in the middle of those evaluated.
doses = sorted(settings.doses)
dose = doses[len(doses) // 2]
at_dose = bounds[bounds["dose"] == dose]
defocus = float(at_dose.loc[at_dose["bound"].idxmin(), "defocus"])
# A typical structure: of those with more atoms to be seen there are as many as with fewer.
structures = read_structures(snakemake.input.structures)
order = sorted(range(len(structures)), key=lambda i: structures[i].arrays["visible"].sum())
chosen = order[len(order) // 2]
size = 2 * round(bank.box / working_sampling(card) / 2)
generator = torch.Generator()
generator.manual_seed(torch_seed(snakemake.params.seed, "figure/training_example"))
picture = held_out_picture(
    bank,
    chosen,
    settings,
    energy=card["energy"],
    size=size,
    defocus=defocus,
    dose=dose,
    generator=generator,
)
truth = render_labels(
    bank.positions[[chosen]],
    bank.classes[[chosen]],
    (size, size),
    torch.tensor([bank.box / size]),
    card["imaging"]["label_sigma"],
    card["network"]["classes"],
    box=bank.box,
)
probabilities, sampling = predict(
    network,
    card,
    picture,
    bank.box / size,
    tile=snakemake.params.tile,
    overlap=snakemake.params.overlap,
    symmetries=snakemake.params.symmetries,
    device=best_device(),
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
