"""The model card that every training ends with (Mitchell et al., FAT* 2019, in short)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recommend.files import Kind, replace_file
from recommend.training.held_out import Verdict

_LEARNED_FROM = "- **Learned from** "


@dataclass(frozen=True, slots=True)
class Card:
    """What was learned, from what, how, and how good it is.

    Attributes:
        name: of the model; ``what`` one sentence.
        data: the files, and what was held out; ``recipe`` how it was learned; ``step`` the one that was
            kept, None where several parts have their own.
        verdict: the measurement.
        switch: the line of recommend.toml that would use it.
        by_hand: weights that nobody learned, by name, with why they are what they are.
    """

    name: str
    what: str
    data: str
    recipe: Mapping[str, float | int]
    step: int | None
    verdict: Verdict
    switch: str
    by_hand: Mapping[str, str] = field(default_factory=dict)

    @property
    def worse(self) -> str | None:
        """Why it should not be used; None where it may."""
        return "no step was better on what is held out than the start" if self.step == 0 else self.verdict.worse

    def text(self) -> str:
        """In Markdown."""
        verdict, step = self.verdict, "the step" if self.step is None else f"step {self.step}"
        gain = f"{verdict.learned - verdict.in_use:+.4f}, 95 % {verdict.low:+.4f} … {verdict.high:+.4f}"
        worse = (
            []
            if verdict.worse is None
            else [f"**It is worse**: {verdict.worse}. Written all the same, by --force.", ""]
        )
        by_hand = "; ".join(f"`{name}` ({why})" for name, why in self.by_hand.items())
        return "\n".join(
            [
                f"# {self.name}",
                "",
                self.what,
                "",
                *worse,
                f"{_LEARNED_FROM}{self.data}.",
                f"- **Learned by** {_listed(self.recipe)}; {step} was kept, the best on what was held out.",
                f"- **Used by** `{self.switch}` in recommend.toml, and by nothing else.",
                *([f"- **Set by hand**, not learned: {by_hand}."] if by_hand else []),
                "",
                f"nDCG@10 of the ranking on {verdict.queries:,} queries held out from {verdict.day:%Y-%m-%d}:",
                "",
                "| with | nDCG@10 |",
                "|---|---|",
                f"| nothing | {verdict.nothing:.4f} |",
                f"| what was in use | {verdict.in_use:.4f} |",
                f"| this | {verdict.learned:.4f} ({gain}) |",
                "",
            ]
        )

    def save(self, path: Path) -> None:
        """Writes the card."""
        replace_file(path, self.text().encode())


def _is_card(path: Path) -> bool:
    with path.open("rb") as file:
        return f"\n{_LEARNED_FROM}".encode() in file.read(65_536)


CARD = Kind("a model card", _is_card)


def _listed(recipe: Mapping[str, float | int]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in recipe.items())
