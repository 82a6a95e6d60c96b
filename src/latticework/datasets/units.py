"""Units as people and programs write them: lengths, reciprocal lengths and angles."""

import re

# Å in a unit of length, by its name in lower case.
ANGSTROM = {
    "m": 1e10,
    "cm": 1e8,
    "mm": 1e7,
    "um": 1e4,
    "micron": 1e4,
    "micrometer": 1e4,
    "micrometre": 1e4,
    "nm": 10.0,
    "nanometer": 10.0,
    "nanometre": 10.0,
    "a": 1.0,
    "ang": 1.0,
    "angstrom": 1.0,
    "angstroem": 1.0,
    "pm": 0.01,
    "picometer": 0.01,
    "picometre": 0.01,
}
MILLIRADIAN = {"mrad": 1.0, "milliradian": 1.0, "rad": 1e3, "radian": 1e3, "urad": 1e-3}
# What stands for a power of minus one, written out or above the line.
INVERSE = re.compile(r"\*\*-1$|\^?\(?-1\)?$|⁻¹$|\^?\{-1\}$")


def plain(unit: str | None) -> str:
    """A unit in lower case, without escapes, TeX, blanks, and with one sign for µ and for Å."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), unit or "")
    text = text.replace("\\AA", "a").replace("\\mathrm", "").replace("−", "-")
    text = re.sub(r"[\s$\\]", "", text).lower()
    text = text.replace("å", "a").replace("µ", "u").replace("μ", "u").replace("ö", "o")
    return text.replace("ångstrom", "angstrom")


def to_angstrom(value: float, unit: str | None) -> float | None:
    """A length in Å, or None if the unit is no length (reciprocal, pixels, none)."""
    factor = _of(ANGSTROM, plain(unit))
    return None if factor is None else float(value) * factor


def reciprocal_angstrom(value: float, unit: str | None) -> float | None:
    """A reciprocal length in 1/Å, or None if the unit is not one.

    1/nm, nm^-1, nm⁻¹, $A^{-1}$, and k_nm^-1 as pyxem has it, are reciprocal lengths; none has a
    factor of 2π.
    """
    text = plain(unit)
    marked = text.startswith("k_")
    text = text.removeprefix("k_")
    if text.startswith("1/"):
        length = text[2:].strip("()")
    elif INVERSE.search(text):
        length = INVERSE.sub("", text).strip("{}()")
    elif marked:
        length = text
    else:
        return None
    factor = _of(ANGSTROM, length)
    return None if factor is None else float(value) / factor


def to_milliradian(value: float, unit: str | None) -> float | None:
    """An angle in mrad, or None if the unit is no angle."""
    factor = _of(MILLIRADIAN, plain(unit))
    return None if factor is None else float(value) * factor


def _of(factors: dict[str, float], unit: str) -> float | None:
    return factors.get(unit, factors.get(unit.removesuffix("s")) if len(unit) > 2 else None)
