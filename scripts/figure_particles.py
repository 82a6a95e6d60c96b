"""Figure: held-out particles, their pictures in several microscopes, and the network's output."""

import numpy as np

from latticework import config
from latticework.analysis.evaluation import read_held_out
from latticework.analysis.localisation import localise
from latticework.figures import style
from latticework.figures.gold import Example, particles
from latticework.inference.prediction import best_device
from latticework.learning import weights
from latticework.learning.data import load_wave_bank
from latticework.logs import tee
from latticework.seeds import torch_seed
from latticework.structures import read_structures, targets

tee(snakemake.log[0])
network, card = weights.load(snakemake.input.weights)
bank = load_wave_bank([snakemake.input.waves], card["imaging"]["band_limit"])
settings = config.Evaluation.model_validate(snakemake.params.evaluation)
inference = config.Inference.model_validate(snakemake.params.inference)
structures = read_structures(snakemake.input.structures)[: snakemake.params.examples]
examples = []
for number, atoms in enumerate(structures):
    # Each at another defocus and dose, so that the figure shows what these do.
    defocus = settings.defocus[number % len(settings.defocus)]
    dose = settings.doses[::-1][number % len(settings.doses)]
    picture, probabilities, sampling = read_held_out(
        network,
        card,
        bank,
        number,
        settings,
        inference,
        defocus=defocus,
        dose=dose,
        seed=torch_seed(snakemake.params.seed, "figure/particles", number),
        device=best_device(),
    )
    found = localise(probabilities, epsilon=inference.epsilon, threshold=inference.threshold)
    columns = targets(atoms)
    gold = atoms.arrays["column"]
    tilt, axis = atoms.info["tilt_degrees"], atoms.info["zone_axis"]
    examples.append(
        Example(
            positions=columns.positions[:, :2],
            heights=np.unique(gold[gold >= 0], return_counts=True)[1],
            picture=picture[0],
            sampling=bank.box / len(picture[0]),
            foreground=1 - probabilities[0],
            map_sampling=sampling,
            found=found[["x_px", "y_px"]].to_numpy() * sampling,
            title=f"[{axis}], tilt {tilt:.1f}°\n{dose:,.0f} e/Å², {defocus:g} Å".replace("-", "−"),
        )
    )
style.save(
    particles(examples, bank.box),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
