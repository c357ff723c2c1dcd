"""What the witnesses saw in a draft: rule hits, model scores, form faults. The policy reads nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from classifier.draft import Context, Field
from classifier.labels import Label

Severity = Literal["block", "warn", "info"]
Strength = Literal["strong", "weak"]
Witness = Literal["rule", "model", "form", "order", "policy"]
When = Literal["always", "customer_cancelled", "reply", "customer_writes"]
"""When a rule counts: always; where the customer cancelled; in a reply; or in the customer's own message."""


@dataclass(frozen=True, slots=True)
class Span:
    """Words of the draft: code-point offsets [start, end) into the field as it was typed."""

    field: Field
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a merchant should know, with its reason from birth.

    `label` is None where no label causes it; `start` and `end` are None where no span is to blame.
    `replacement`, where there is one, is ready text for [replace_start, replace_end) of `field`.
    """

    id: str
    label: Label | None
    severity: Severity
    field: Field | None
    start: int | None
    end: int | None
    text: str | None
    message: str
    guidance: str
    policy_ref: str
    witness: Witness
    replacement: str | None = None
    replace_start: int | None = None
    replace_end: int | None = None


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that matched, where it matched, and the wording the rule brings along."""

    rule_id: str
    label: Label | None
    strength: Strength
    status: Literal["live", "shadow"]
    span: Span
    sentence: Span
    message: str
    guidance: str
    policy_ref: str
    when: When = "always"
    severity: Severity | None = None
    """Set only for rules without a label (Merchant Standards): what the finding weighs."""


@dataclass(frozen=True, slots=True)
class RuleEvidence:
    """All hits of live and shadow rules; `failed_rules` could not be run and make the policy cautious."""

    hits: tuple[RuleHit, ...]
    failed_rules: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class LabelScore:
    """The model's word on one label: a calibrated probability and the passage that speaks most for it."""

    label: Label
    probability: float
    span: Span | None
    sentence: Span | None


@dataclass(frozen=True, slots=True)
class PassageEvidence:
    """A passage that the encoder read, or that decided a label: its sentence, who judged it last, what it decided."""

    sentence: Span
    read_by: Literal["linear", "encoder"]
    decides: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class ModelEvidence:
    """Six scores in the order of LABELS, signed with the version of the model that gave them."""

    scores: tuple[LabelScore, ...]
    version: str
    encoder: Literal["absent", "not_needed", "consulted"] = "absent"
    passages: tuple[PassageEvidence, ...] = ()

    def probabilities(self) -> dict[Label, float]:
        """The calibrated probability of each label."""
        return {score.label: score.probability for score in self.scores}


@dataclass(frozen=True, slots=True)
class FormFault:
    """A fault of the form itself; its wording and severity stand in policy.toml under `kind`."""

    kind: str
    span: Span | None
    field: Field


@dataclass(frozen=True, slots=True)
class CustomerEvidence:
    """What the customer's message says that a reply answers. `cancels`: that they cancel their order. `exchange`:
    `asked` where they wish for an exchange themselves, `other` where the draft names a variant that they did not."""

    cancels: bool = False
    exchange: Literal["none", "asked", "other"] = "none"


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """ISO 639-1 code, and how far we can judge it: fully, with less practice, or not at all."""

    code: str
    judged: Literal["full", "partial", "none"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities of one label: `possible` (worth a warning, or a reason worth recognising), `asserted`
    (we say that the draft carries it) and `sure` (enough to block, where the label is prohibited)."""

    possible: float
    asserted: float
    sure: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the judge may read. `complete` is False when a stage ran out of its time budget."""

    rules: RuleEvidence
    model: ModelEvidence | None
    form: tuple[FormFault, ...]
    language: LanguageGuess
    thresholds: Mapping[Label, Thresholds]
    complete: bool = True
    disguised: bool = False
    context: Context = "new_ticket"
    customer: CustomerEvidence = CustomerEvidence()
