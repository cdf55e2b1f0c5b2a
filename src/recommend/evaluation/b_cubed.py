"""B-cubed: how well predicted groups match judged ones.

Bagga and Baldwin, "Entity-based cross-document coreferencing using the vector space model", COLING 1998; the measure of
a clustering that meets all of the constraints of Amigó, Gonzalo, Artiles and Verdejo, "A comparison of extrinsic
clustering evaluation metrics based on formal constraints", Information Retrieval 12 (2009).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True, slots=True)
class BCubed:
    """How right groups are, by item; an item is always of its own group.

    Attributes:
        precision: by item, the part of its group that belongs there.
        recall: by item, the part of what belongs there that its group has.
    """

    precision: Mapping[str, float]
    recall: Mapping[str, float]

    @property
    def f1(self) -> float:
        """The harmonic mean of mean precision and mean recall; 0 of nothing."""
        if not self.precision:
            return 0.0
        precision, recall = fmean(self.precision.values()), fmean(self.recall.values())
        return 2 * precision * recall / (precision + recall)


def b_cubed(found: Mapping[str, Collection[str]], judged: Mapping[str, Collection[str]]) -> BCubed:
    """Groups that were found against those that were judged, over the judged items.

    Where groups overlap, as when each item has one of its own, an item is counted by the group that it was asked for.

    Args:
        found: by item, those in its group; an item that is missing stands alone.
        judged: by item, those that belong with it.
    """
    precision, recall = {}, {}
    for item, others in judged.items():
        own, true = {item, *found.get(item, ())}, {item, *others}
        right = len(own & true)
        precision[item], recall[item] = right / len(own), right / len(true)
    return BCubed(precision, recall)
