"""Figures: how atoms are counted in one particle, and where that goes wrong at three doses."""

from latticework import config
from latticework.analysis.heights import counted_columns
from latticework.analysis.held_out import load_held_out, read_held_out
from latticework.analysis.localisation import segment
from latticework.figures import style
from latticework.figures.heights import Series, errors_in_place, method
from latticework.logs import tee
from latticework.seeds import torch_seed

tee(snakemake.log[0])
held_out = load_held_out(
    snakemake.input.weights,
    [snakemake.input.structures],
    [snakemake.input.waves],
    snakemake.params.evaluation,
    snakemake.params.inference,
)
settings, inference = held_out.settings, held_out.inference
imaging = config.Imaging.model_validate(held_out.card["imaging"])
structures = held_out.structures
# The largest particle on its zone axis, as in the paper; any, where none is.
aligned = [n for n, a in enumerate(structures) if a.info["tilt_degrees"] == 0]
chosen = max(aligned or range(len(structures)), key=lambda n: len(structures[n]))
doses = [dose for dose in settings.doses if dose <= snakemake.params.highest_dose][::-1]
shown = doses[:: max(1, len(doses) // 3)][:3]
made, counts = {}, {}
for dose in shown:
    picture, probabilities, sampling = read_held_out(
        held_out,
        chosen,
        defocus=0.0,
        dose=dose,
        seed=torch_seed(snakemake.params.seed, "figure/counting"),
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
        sampling=held_out.bank.box / len(picture[0]),
        defocus=imaging.series,
        dose=dose,
        probabilities=probabilities,
        map_sampling=sampling,
        segments=segment(probabilities[0], inference.epsilon, 2.0),
        counts=counts,
    )
    style.save(draw(series), *outputs, meaningful=snakemake.params.meaningful)
