"""The weights that come with the project: models/<study>/<network>/weights.safetensors."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from latticework.cards import CardError, read_card

MODELS = Path(__file__).resolve().parents[3] / "models"
WEIGHTS = "weights.safetensors"
# A file beside a study's networks, where there are several: the name of the one to take.
DEFAULT = "default"


class InputError(ValueError):
    """Something that the user gave cannot be used."""


def reads_patterns(card: Mapping[str, Any]) -> bool:
    """Whether a network reads diffraction patterns; else it reads images."""
    return "frames" not in card["network"]


def card_of(path: Path) -> dict[str, Any]:
    """The card of a weights file. Raises CardError, also for a card that describes no network."""
    card = read_card(path)
    if not isinstance(card, dict) or not isinstance(card.get("network"), dict):
        raise CardError(f"{path}: expected weights with a card that describes their network")
    return card


def networks(study: str) -> list[str]:
    """Names of the published networks of a study, sorted."""
    return sorted(path.parent.name for path in (MODELS / study).glob(f"*/{WEIGHTS}"))


def weights(study: str, network: str | None = None) -> Path:
    """The published weights of a study's network, or of its default one.

    Raises InputError, naming those there are.
    """
    # A path is no name: nothing outside of the folder is published.
    known = networks(study) if re.fullmatch(r"\w+", study) else []
    if not known:
        there = sorted(path.name for path in MODELS.glob("*") if networks(path.name))
        raise InputError(
            f"no published weights for study '{study}' in {MODELS} (there are: "
            f"{', '.join(there) or 'none'}); pass a file with --weights"
        )
    default = MODELS / study / DEFAULT
    if network is None and default.is_file():
        network = default.read_text(encoding="utf-8").strip()
    if network is None and len(known) == 1:
        return MODELS / study / known[0] / WEIGHTS
    if network not in known:
        wrong = f"no published network '{network}'" if network else "several published networks"
        raise InputError(f"study '{study}' has {wrong}; --network is one of: {', '.join(known)}")
    return MODELS / study / network / WEIGHTS


def studies(*, patterns: bool) -> dict[str, dict[str, Any]]:
    """Published studies that read patterns, or else images: name → card of the default network."""
    cards = {}
    for folder in sorted(MODELS.glob("*")):
        # A study whose weights cannot be read is not offered.
        with suppress(InputError, CardError):
            cards[folder.name] = card_of(weights(folder.name))
    return {name: card for name, card in cards.items() if reads_patterns(card) == patterns}


def chosen(
    study: str | None, network: str | None, path: Path | None, *, patterns: bool
) -> tuple[Path, dict[str, Any]]:
    """The weights that the options mean, and their card.

    Parameters
    ----------
    study, network
        Of the published weights; None for the only study that reads what the command does, and
        for its default network.
    path
        A file of the user's own, which takes precedence over `study`.
    patterns
        Whether the command reads patterns.

    Raises InputError for options that contradict each other, for weights that are not there, and
    for those of the other command; CardError for a file that cannot be used.
    """
    own = path is not None
    if path is None:
        path = weights(study or _only_study(patterns), network)
    elif network is not None:
        raise InputError(f"--network {network}: chooses published weights; leave out --weights")
    card = card_of(path)
    if own and study is not None and card.get("study", study) != study:
        raise InputError(
            f"{path}: are weights of the study '{card['study']}', not of '{study}'; give "
            f"--study {card['study']}, or other weights"
        )
    if reads_patterns(card) != patterns:
        what, command = ("images", "predict") if patterns else ("diffraction patterns", "peaks")
        raise InputError(f"{path} reads {what}: use latticework {command}")
    # Imported here, so that --help answers at once.
    from latticework.config.card import check_card

    check_card(card, path, patterns=patterns)
    return path, card


def _only_study(patterns: bool) -> str:
    known = list(studies(patterns=patterns))
    if len(known) != 1:
        raise InputError(
            f"pass --study (published are: {', '.join(known) or 'none'}) or a file with --weights"
        )
    return known[0]


def listed(cards: Mapping[str, Any]) -> str:
    """Names of studies for a help text."""
    return ", ".join(cards).replace("%", "%%") or "none is published"
