"""Figure: held-out particles, their pictures in several microscopes, and the network's output."""

import numpy as np

from latticework.analysis.held_out import load_held_out, read_held_out
from latticework.analysis.localisation import localise
from latticework.figures import style
from latticework.figures.gold import Example, particles
from latticework.logs import tee
from latticework.seeds import torch_seed
from latticework.structures import targets

tee(snakemake.log[0])
held_out = load_held_out(
    snakemake.input.weights,
    [snakemake.input.structures],
    [snakemake.input.waves],
    snakemake.params.evaluation,
    snakemake.params.inference,
)
settings, inference = held_out.settings, held_out.inference
examples = []
for number, atoms in enumerate(held_out.structures[: snakemake.params.examples]):
    # Each at another defocus and dose, so that the figure shows what these do.
    defocus = settings.defocus[number % len(settings.defocus)]
    dose = settings.doses[::-1][number % len(settings.doses)]
    picture, probabilities, sampling = read_held_out(
        held_out,
        number,
        defocus=defocus,
        dose=dose,
        seed=torch_seed(snakemake.params.seed, "figure/particles", number),
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
            sampling=held_out.bank.box / len(picture[0]),
            foreground=1 - probabilities[0],
            map_sampling=sampling,
            found=found[["x_px", "y_px"]].to_numpy() * sampling,
            title=f"[{axis}], tilt {tilt:.1f}°\n{dose:,.0f} e/Å², {defocus:g} Å".replace("-", "−"),
        )
    )
style.save(
    particles(examples, held_out.bank.box),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
