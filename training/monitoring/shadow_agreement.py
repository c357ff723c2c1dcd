"""How far a challenger in shadow agrees with the live model, on the same live drafts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.service_data.database_reader import ShadowPair

DECISIONS = ("allow", "warn", "block")


@dataclass(frozen=True, slots=True)
class ShadowAgreement:
    """matrix[live][challenger] counts drafts. `disagreements` are screenings with another decision, gravest first."""

    live: str
    challenger: str
    drafts: int
    matrix: Mapping[str, Mapping[str, int]]
    same_decision: float
    same_labels: float
    disagreements: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return asdict(self)


def agreement(pairs: Sequence[ShadowPair]) -> list[ShadowAgreement]:
    """One report for each pair of versions that met, in order of their names."""
    groups: dict[tuple[str, str], list[ShadowPair]] = {}
    for pair in pairs:
        groups.setdefault((pair.live_version, pair.version), []).append(pair)
    return [_report(live, challenger, groups[live, challenger]) for live, challenger in sorted(groups)]


def _report(live: str, challenger: str, pairs: Sequence[ShadowPair]) -> ShadowAgreement:
    matrix = {a: dict.fromkeys(DECISIONS, 0) for a in DECISIONS}
    for pair in pairs:
        matrix[pair.live_decision][pair.decision] += 1
    apart = sorted((p for p in pairs if p.live_decision != p.decision), key=_distance, reverse=True)
    return ShadowAgreement(
        live=live,
        challenger=challenger,
        drafts=len(pairs),
        matrix=matrix,
        same_decision=1 - len(apart) / len(pairs),
        same_labels=sum(set(p.live_labels.split()) == set(p.labels.split()) for p in pairs) / len(pairs),
        disagreements=tuple(p.screening_id for p in apart),
    )


def _distance(pair: ShadowPair) -> int:
    return abs(DECISIONS.index(pair.live_decision) - DECISIONS.index(pair.decision))
