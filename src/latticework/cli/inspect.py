"""The command `latticework inspect`: what a file holds, and which networks may know it."""

import argparse
import json
from pathlib import Path
from typing import Any

from latticework.cli import published
from latticework.cli.outputs import check_outputs

DESCRIPTION = """\
Say what a file holds before anything is read from it: its images, the pixel size by each source,
the lattices that its spectrum shows, what of it is no specimen, how many electrons made it, and
which published networks may know it.
"""

EXAMPLES = """\
examples:
  latticework inspect frame.emd
  latticework inspect frame.emd --image 2 --overlay look.png
      the second image of the file; also draw it with its spectrum
  latticework inspect scan.hspy --json
      for a program
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    inspect = commands.add_parser(
        "inspect",
        help="what a file holds, and which networks may know it",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inspect.add_argument("file", type=Path, help="an image, a movie, a pattern or a scan")
    inspect.add_argument("--image", metavar="NAME|NUMBER", help="which of several in the file")
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.add_argument(
        "--overlay", type=Path, metavar="PNG", help="also draw it, with its spectrum and defects"
    )
    inspect.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look at the file and print what was found: 0."""
    check_outputs([arguments.file], {"--overlay": arguments.overlay})
    # Imported here, so that --help answers at once.
    from latticework.analysis.inspection import (
        foreignness,
        holds_patterns,
        inspect_patterns,
        inspect_picture,
    )

    if holds_patterns(arguments.file, arguments.image):
        found, mean = inspect_patterns(arguments.file, arguments.image)
        lines = patterns_in_words(found)
        if arguments.overlay:
            from latticework.figures.inspection import save_pattern

            save_pattern(arguments.overlay, mean, found.get("direct_beam_px"))
    else:
        cards = published.studies(patterns=False)
        found, picture, scales = inspect_picture(arguments.file, cards, arguments.image)
        found["foreignness"] = {
            study: foreignness(picture, published.weights(study), scales[card["material"]])
            for study, card in cards.items()
            if card["network"]["frames"] == 1 and scales[card["material"]]
        }
        lines = picture_in_words(found)
        if arguments.overlay:
            from latticework.figures.inspection import save_picture

            save_picture(arguments.overlay, picture, scales)
    print(json.dumps(found, indent=2, default=float) if arguments.json else "\n".join(lines))
    return 0


def picture_in_words(found: dict[str, Any]) -> list[str]:
    """Lines on an image or a movie."""
    nx, ny = found["size_px"]
    frames = "" if found["frames"] == 1 else f"{found['frames']} frames of "
    lines = [f"{found['file']}: {found['kind']}, {frames}{nx} × {ny} px", *_listed(found)]
    pixel = found["pixel_angstrom"]
    lines.append(f"pixel by the metadata: {_angstrom(pixel['metadata'])}")
    for name, confidence in found["lattice_confidence"].items():
        fits = [f"{p:.4f} Å ({c:.0f})" for p, c in zip(pixel[name], confidence, strict=True)]
        lines.append(f"pixel by the lattice of {name}: {', '.join(fits) or 'does not show'}")
    if any(found["lattice_confidence"].values()):
        lines.append("  (in brackets how far its reflections stand above the background)")
    electrons = found["electrons_per_pixel"]
    if electrons is not None:
        known = [
            pixel["metadata"],
            *(p for name in found["lattice_confidence"] for p in pixel[name]),
        ]
        size = next((p for p in known if p), None)
        dose = f", {electrons / size**2:.3g} e/Å²" if size else ""
        lines.append(
            f"noise as of {electrons:.3g} electrons a pixel{dose} (if zero is no electron)"
        )
    lines += found["not_specimen"] or ["all of it may be specimen"]
    for study, said in found["studies"].items():
        score = found["foreignness"].get(study)
        far = "" if score is None else f"; {_foreign(score)}"
        lines.append(f"network {study}: {said}{far}")
    return lines


def patterns_in_words(found: dict[str, Any]) -> list[str]:
    """Lines on a pattern or a scan."""
    nx, ny = found["size_px"]
    scan = " × ".join(map(str, found["scan"]))
    lines = [
        f"{found['file']}: {f'scan of {scan} patterns' if scan else 'a pattern'} of {nx} × {ny} px",
        *_listed(found),
    ]
    step, angle = found["pixel_reciprocal_angstrom"], found["pixel_mrad"]
    pixel = f"{step:.5g} 1/Å" if step else f"{angle:.4g} mrad" if angle else "unknown"
    lines.append(f"pixel by the metadata: {pixel}")
    if "direct_beam_px" in found:
        x, y = found["direct_beam_px"]
        radius = found["disk_radius_px"]
        lines.append(f"direct beam: x = {x:.1f}, y = {y:.1f} px; disks of {radius:.1f} px radius")
        if step:
            lines.append(f"  which is a semiangle of {radius * step:.3g} 1/Å times the wavelength")
    lines += found["doubts"]
    bad = found["problems"]
    lines.append(
        f"of {found['looked_at']} patterns looked at, {len(bad)} cannot be read and "
        f"{found['saturated']} look saturated"
    )
    return lines + [f"  {line}" for line in bad[:8]]


def _listed(found: dict[str, Any]) -> list[str]:
    """The images of a file, where there are several, and what was assumed."""
    several = len(found["images"]) > 1
    listed = [f"  {number}: {line}" for number, line in enumerate(found["images"], start=1)]
    return (listed if several else []) + list(found.get("notes", []))


def _foreign(score: float) -> str:
    known = "is foreign to it" if score > 0 else "looks like what it was trained on"
    return f"the image {known} (score {score:+.1f}, foreign above 0)"


def _angstrom(value: float | None) -> str:
    return "they do not say" if value is None else f"{value:.4f} Å"
