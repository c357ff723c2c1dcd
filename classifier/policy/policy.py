"""The judge: reads evidence and the order's state, never the text, and gives a verdict. Pure."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifier.draft import Order, known_order
from classifier.evidence import Evidence, Finding, RuleHit, Severity, Thresholds
from classifier.labels import LABELS, Label
from classifier.policy.config import (
    FindingPolicy,
    FormPolicy,
    LabelPolicy,
    ReplyPolicy,
    Section,
    finding_policy,
    label_policy,
    reply_policy,
)
from classifier.policy.findings import (
    applies,
    gravest_first,
    label_finding,
    labelled,
    model_finding,
    overlap,
    placed,
    rule_finding,
    score_of,
    standards_finding,
    without_repeats,
)
from classifier.verdict import Decision, Reminder, Verdict, Versions

POLICY_FILE = Path(__file__).parents[1] / "policy.toml"


@dataclass(frozen=True, slots=True)
class Policy:
    """policy.toml, read once. `version` changes with every byte of the file."""

    version: str
    labels: Mapping[Label, LabelPolicy]
    findings: Mapping[str, FindingPolicy]
    sections: Mapping[str, Section]
    reminders: Mapping[str, Reminder]
    standards: Mapping[str, Severity]
    form: FormPolicy
    reply: ReplyPolicy
    promises: Mapping[str, float]
    costs: Mapping[str, float]
    strong_rule: float
    weak_rule: float
    languages_full: frozenset[str]
    languages_partial: frozenset[str]

    @classmethod
    def load(cls, path: Path = POLICY_FILE) -> "Policy":
        """Read the file. Raises ValueError naming the file and the entry that is missing or wrong."""
        raw = path.read_bytes()
        try:
            return _parse(tomllib.loads(raw.decode()), "policy-" + hashlib.sha256(raw).hexdigest()[:12])
        except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"{path}: missing or wrong entry: {error}") from error

    def is_prohibited(self, label: Label) -> bool:
        """True for the labels that may be blocked."""
        return self.labels[label].policy == "prohibited"

    def decide(self, evidence: Evidence, order: Order | None = None) -> Verdict:
        """The verdict on one draft. Raises nothing; evidence that is incomplete leads to a warning."""
        order = known_order(order, customer_cancels=evidence.customer.cancels)
        hits = [hit for hit in evidence.rules.hits if hit.status == "live" and applies(hit, order)]
        probabilities = self._probabilities(evidence, hits, order)
        asserted = self._asserted(evidence, probabilities)
        findings = [
            *self._prohibited(evidence, hits, probabilities),
            *self._general(evidence, order, probabilities),
            *self._form(evidence),
            *self._advice(evidence, hits, asserted),
            *self._invitation(evidence, order, probabilities, asserted),
        ]
        findings = sorted(without_repeats(findings), key=gravest_first)
        return Verdict(
            decision=_decision(findings),
            labels=asserted,
            probabilities=probabilities,
            findings=tuple(findings),
            reminders=self._reminders(asserted),
            versions=self._versions(evidence),
            language=evidence.language,
            complete=evidence.complete,
            encoder=evidence.model.encoder if evidence.model else "absent",
            shadow_hits=tuple(hit.rule_id for hit in evidence.rules.hits if hit.status == "shadow"),
        )

    def _asserted(self, evidence: Evidence, probabilities: Mapping[Label, float]) -> frozenset[Label]:
        """The labels that the draft is judged to carry: those past their threshold; where none is, the likeliest reason
        that is recognised, because what lets a draft pass is also asserted."""
        found = frozenset(lb for lb in LABELS if probabilities[lb] >= evidence.thresholds[lb].asserted)
        permitted = [lb for lb in LABELS if not self.is_prohibited(lb)]
        recognised = [lb for lb in permitted if probabilities[lb] >= evidence.thresholds[lb].possible]
        if found.intersection(permitted) or not recognised:
            return found
        return found | {max(recognised, key=lambda lb: probabilities[lb])}

    def _versions(self, evidence: Evidence) -> Versions:
        model = evidence.model.version if evidence.model else "none"
        return Versions(model=model, rules=evidence.rules.version, policy=self.version)

    def _reminders(self, asserted: frozenset[Label]) -> tuple[Reminder, ...]:
        reminders = [self.reminders["reply-within-one-business-day"]]
        if Label.DELAY_NOTICE in asserted:
            reminders.append(self.reminders["delay-does-not-excuse-sla"])
        return tuple(reminders)

    def _probabilities(self, evidence: Evidence, hits: Iterable[RuleHit], order: Order) -> dict[Label, float]:
        """The model's probabilities, raised where a strong rule speaks and bound by the order's state."""
        model = evidence.model.probabilities() if evidence.model else dict.fromkeys(LABELS, 0.0)
        result = dict(model)
        for hit in hits:
            if hit.label is not None:
                limits = evidence.thresholds[hit.label]
                spoken = self._rule_probability(hit, model[hit.label], limits, with_model=evidence.model is not None)
                result[hit.label] = max(result[hit.label], spoken)
        if order.cancelled_by == "merchant":
            result[Label.CANCELLATION_PROBING] = 0.0
        if evidence.customer.exchange == "asked":
            result[Label.SUBSTITUTE_OFFER] = 0.0
        return result

    def _rule_probability(self, hit: RuleHit, model: float, limits: Thresholds, *, with_model: bool) -> float:
        """What a hit adds. Two witnesses who agree make us sure; a strong rule that the model does not follow warns."""
        if hit.strength == "weak":
            return 0.0 if with_model else self.weak_rule
        if with_model and hit.when == "always" and model < limits.asserted:
            return limits.possible
        return max(self.strong_rule, limits.sure)

    def _prohibited(
        self, evidence: Evidence, hits: list[RuleHit], probabilities: Mapping[Label, float]
    ) -> Iterable[Finding]:
        for label in LABELS:
            limits = evidence.thresholds[label]
            if self.is_prohibited(label) and probabilities[label] >= limits.possible:
                sure = probabilities[label] >= limits.sure and not _says_nothing(evidence)
                sure = sure and not (label is Label.SUBSTITUTE_OFFER and evidence.customer.exchange == "other")
                severity: Severity = "block" if sure else "warn"
                yield from self._prohibited_spans(evidence, hits, self.labels[label], severity)

    def _prohibited_spans(
        self, evidence: Evidence, hits: list[RuleHit], words: LabelPolicy, severity: Severity
    ) -> Iterable[Finding]:
        """The words at fault, likeliest first: rules that agree with the model's passage, else the passage itself, then
        what other rules found; the label alone where nobody names words."""
        own = sorted((hit for hit in hits if hit.label == words.label), key=lambda hit: hit.strength != "strong")
        score = score_of(evidence, words.label)
        passage = score.span if score is not None else None
        agreeing = [hit for hit in own if passage is not None and overlap(hit.span, passage)]
        yield from (rule_finding(hit, words, severity, evidence, passage=passage) for hit in agreeing)
        if score is not None and passage is not None and not agreeing:
            yield model_finding(score, words, severity, evidence)
        yield from (rule_finding(hit, words, severity, evidence) for hit in own if hit not in agreeing)
        if not own and passage is None:
            yield label_finding(words, severity)

    def _general(self, evidence: Evidence, order: Order, probabilities: Mapping[Label, float]) -> Iterable[Finding]:
        if evidence.language.judged == "none":
            yield self.finding("language-not-judged")
        elif _says_nothing(evidence):
            return
        elif not self._left_out(evidence, "no-recognised-reason") and not any(
            probabilities[lb] >= evidence.thresholds[lb].possible for lb in LABELS
        ):
            yield self.finding("no-recognised-reason")
        if evidence.rules.failed_rules or not evidence.complete:
            yield self.finding("could-not-judge")
        if order.unknown_to_source:
            yield replace(self.finding("support-id-unknown"), field="support_id")

    def _left_out(self, evidence: Evidence, id: str) -> bool:
        """Whether a finding says nothing of such a draft."""
        return evidence.context == "reply" and id in self.reply.without

    def _form(self, evidence: Evidence) -> Iterable[Finding]:
        for fault in evidence.form:
            if not self._left_out(evidence, fault.kind):
                yield placed(self.finding(fault.kind), fault.field, fault.span)

    def _advice(self, evidence: Evidence, hits: Iterable[RuleHit], asserted: frozenset[Label]) -> Iterable[Finding]:
        if evidence.language.judged == "partial":
            yield self.finding("language-partly-judged")
        weights = self.reply.standards if evidence.context == "reply" else self.standards
        for hit in hits:
            if hit.label is None:
                yield standards_finding(hit, weights.get(hit.rule_id.split(".")[-1], "info"))
        yield from self._exchange(evidence, hits)
        if Label.DELAY_NOTICE in asserted:
            score = score_of(evidence, Label.DELAY_NOTICE)
            yield labelled(self.finding("delay-keeps-sla"), Label.DELAY_NOTICE, score.span if score else None)

    def _exchange(self, evidence: Evidence, hits: Iterable[RuleHit]) -> Iterable[Finding]:
        """Advice on an exchange that the customer asked for, where it would otherwise be a substitute."""
        label = Label.SUBSTITUTE_OFFER
        score = score_of(evidence, label)
        seen = [score.span] if score and score.probability >= evidence.thresholds[label].possible else []
        offered = [*seen, *(hit.span for hit in hits if hit.label is label and hit.strength == "strong")]
        if evidence.customer.exchange == "asked" and offered:
            yield labelled(self.finding("exchange-asked-for"), label, offered[0])

    def _invitation(
        self, evidence: Evidence, order: Order, probabilities: Mapping[Label, float], asserted: frozenset[Label]
    ) -> Iterable[Finding]:
        """Advice on an invitation to order again, where nobody knows who cancelled and the draft leaves it open."""
        label = Label.CANCELLATION_PROBING
        invited = [h for h in evidence.rules.hits if h.when == "customer_cancelled" and h.status == "live"]
        open_ = order.cancelled_by is None and probabilities[label] >= evidence.thresholds[label].possible / 2
        if invited and open_ and not asserted & _REASONS_THAT_EXPLAIN_AN_INVITATION:
            yield labelled(self.finding("reorder-if-you-cancelled"), label, invited[0].span)

    def finding(self, id: str) -> Finding:
        """The finding of that id without a place. Raises KeyError for an id that policy.toml lacks."""
        words = self.findings[id]
        return Finding(
            id, None, words.severity, None, None, None, None, words.message, words.guidance, words.section.title,
            "form" if id.startswith(("support-id", "subject", "body")) else "policy",
        )  # fmt: skip


_REASONS_THAT_EXPLAIN_AN_INVITATION = {Label.INVENTORY_CANCELLATION, Label.CANCELLATION_PROBING}


def _says_nothing(evidence: Evidence) -> bool:
    """Whether the body has hardly a word: what models see in it is chance."""
    return any(fault.kind == "body-says-nothing" for fault in evidence.form)


def _decision(findings: Iterable[Finding]) -> Decision:
    severities = {finding.severity for finding in findings}
    return "block" if "block" in severities else "warn" if "warn" in severities else "allow"


def _parse(data: dict[str, Any], version: str) -> Policy:
    sections = {key: Section(key, **value) for key, value in data["section"].items()}
    form = data["form"]
    return Policy(
        version=version,
        labels={label: label_policy(label, dict(data["label"][label.value]), sections) for label in LABELS},
        findings={key: finding_policy(key, dict(value), sections) for key, value in data["finding"].items()},
        sections=sections,
        reminders={key: Reminder(key, value["message"]) for key, value in data["reminder"].items()},
        standards=data["standards"],
        reply=reply_policy(data["reply"], data["finding"], data["standards"]),
        form=FormPolicy(form["support_id"], form["permalink"], frozenset(form["vague_subjects"])),
        promises=data["promises"],
        costs=data["costs"],
        strong_rule=float(data["witnesses"]["strong_rule"]),
        weak_rule=float(data["witnesses"]["weak_rule"]),
        languages_full=frozenset(data["language"]["full"]),
        languages_partial=frozenset(data["language"]["partial"]),
    )
