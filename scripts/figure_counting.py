"""Figures: how atoms are counted in one particle, and where that goes wrong at three doses."""

from latticework import config
from latticework.analysis.evaluation import read_held_out
from latticework.analysis.heights import counted_columns
from latticework.analysis.localisation import segment
from latticework.figures import style
from latticework.figures.heights import Series, errors_in_place, method
from latticework.inference.prediction import best_device
from latticework.learning import weights
from latticework.learning.data import load_wave_bank
from latticework.logs import tee
from latticework.seeds import torch_seed
from latticework.structures import read_structures

tee(snakemake.log[0])
network, card = weights.load(snakemake.input.weights)
bank = load_wave_bank([snakemake.input.waves], card["imaging"]["band_limit"])
settings = config.Evaluation.model_validate(snakemake.params.evaluation)
inference = config.Inference.model_validate(snakemake.params.inference)
imaging = config.Imaging.model_validate(card["imaging"])
structures = read_structures(snakemake.input.structures)
# The largest particle on its zone axis, as in the paper; any, where none is.
aligned = [n for n, a in enumerate(structures) if a.info["tilt_degrees"] == 0]
chosen = max(aligned or range(len(structures)), key=lambda n: len(structures[n]))
doses = [dose for dose in settings.doses if dose <= snakemake.params.highest_dose][::-1]
shown = doses[:: max(1, len(doses) // 3)][:3]
made, counts = {}, {}
for dose in shown:
    picture, probabilities, sampling = read_held_out(
        network,
        card,
        bank,
        chosen,
        settings,
        inference,
        defocus=0.0,
        dose=dose,
        seed=torch_seed(snakemake.params.seed, "figure/counting"),
        device=best_device(),
    )
    made[dose] = picture, probabilities
    counts[dose] = counted_columns(probabilities, sampling, structures[chosen], settings, inference)
for dose, draw, outputs in (
    (shown[len(shown) // 2], method, snakemake.output.method),
    (shown[0], errors_in_place, snakemake.output.errors),
):
    picture, probabilities = made[dose]
    series = Series(
        pictures=picture,
        sampling=bank.box / len(picture[0]),
        defocus=imaging.series,
        dose=dose,
        probabilities=probabilities,
        map_sampling=sampling,
        segments=segment(probabilities[0], inference.epsilon, 2.0),
        counts=counts,
    )
    style.save(draw(series), *outputs, meaningful=snakemake.params.meaningful)
