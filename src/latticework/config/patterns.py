"""Section `imaging` of a study of diffraction patterns: the ranges of what a detector adds."""

from latticework.config.base import Range, Section, bounded


class Imaging(Section):
    """Ranges of what `imaging.diffraction.augment` draws."""

    background: bounded("Share of the electrons in the inelastic background.", 0, 0.9)
    background_width: bounded("q0 of the background's Lorentzian, 1/Å.", 1e-4, 2)
    ellipticity: bounded("Elliptic distortion.", 0, 0.5)
    shift: bounded("Of a pattern along x and along y, px.", -100, 100)
    dose: bounded("Electrons in the probe.", 1, 1e14)
    hot: bounded("Share of hot pixels.", 0, 0.1)
    dead: bounded("Share of dead pixels.", 0, 0.1)

    def ranges(self) -> dict[str, Range]:
        """The ranges by name."""
        return dict(self)
