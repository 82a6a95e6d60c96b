"""Figure: held-out particles, their pictures in several microscopes, and the network's output."""

import numpy as np
import torch

from latticework import config
from latticework.analysis.evaluation import held_out_picture
from latticework.analysis.localisation import localise
from latticework.figures import style
from latticework.figures.gold import Example, particles
from latticework.inference.prediction import best_device, predict, working_sampling
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
series = config.Imaging.model_validate(card["imaging"]).series
structures = read_structures(snakemake.input.structures)[: snakemake.params.examples]
size = 2 * round(bank.box / working_sampling(card) / 2)
examples = []
for number, atoms in enumerate(structures):
    # Each at another defocus and dose, so that the figure shows what these do.
    defocus = settings.defocus[number % len(settings.defocus)]
    dose = settings.doses[::-1][number % len(settings.doses)]
    generator = torch.Generator()
    generator.manual_seed(torch_seed(snakemake.params.seed, "figure/particles", number))
    picture = held_out_picture(
        bank,
        number,
        settings,
        energy=card["energy"],
        size=size,
        defocus=defocus,
        dose=dose,
        generator=generator,
        series=series,
    )
    probabilities, sampling = predict(
        network,
        card,
        picture,
        bank.box / size,
        tile=inference.tile,
        overlap=inference.overlap,
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
            sampling=bank.box / size,
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
