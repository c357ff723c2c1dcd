"""What is said where the caller's word on an order contradicts its source: a finding that only informs."""

from typing import Any

from classifier.policy.policy import Policy
from service.orders.directory import OrderFacts

ID = "order-contradicted"
_WORDS = {
    "cancelled_by": "The order source says that the {known} cancelled this order; what came with the draft names the"
    " {given}.",
    "status": "The order source gives another status for this order than what came with the draft.",
}
_GUIDANCE = "The draft was judged by what the order source knows. Nothing to do, unless the source is wrong."
_SECTION = "opening-a-ticket"


def contradiction_findings(facts: OrderFacts, policy: Policy) -> list[dict[str, Any]]:
    """A finding for each field of the order on which the caller and the source differ, as stored in a verdict."""
    known = facts.document()
    section = policy.sections[_SECTION].title
    return [
        {
            "id": ID, "label": None, "severity": "info", "field": None, "start": None, "end": None, "text": None,
            "message": _WORDS[name].format(known=known[name], given=given), "guidance": _GUIDANCE,
            "policy_ref": section, "witness": "order", "replacement": None, "replace_start": None, "replace_end": None,
        }
        for name, given in facts.contradicted.items()
    ]  # fmt: skip
