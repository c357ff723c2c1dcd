"""Placeholders of templates that nobody filled in, and the brackets that people type, which are none."""

import re
from collections.abc import Iterator
from itertools import islice

from classifier.draft import Field
from classifier.evidence import FormFault, Span

_NOUN = (
    "(?:first|last|full|sur|customer|client|buyer|recipient|merchant|seller|store|shop|company|brand|agent|product|item"
    "|order|tracking|shipment|delivery|refund|return|invoice|ticket|your|insert|new|old|estimated|carrier|vorname"
    "|nachname|kunde|bestellnummer|produkt|prenom|pr\u00e9nom|nom|commande|produit|nombre|pedido|producto|nome|ordine"
    "|prodotto|name|date|number|address|email|phone|amount|price|link|url|colou?r|size|reason|signature)"
)
_LINK = "(?:id|no\\.?|n[ro]\\.?|code|here|of|the|and|or)"
_FORMS = (
    r"\{\{[^{}\n]{1,60}\}\}",  # {{first_name}}
    r"[$%#]\{[^{}\n]{1,60}\}",  # ${order} %{x} #{name}
    r"\{[A-Za-z_]\w{0,40}\}",  # {customer_name}
    r"%%?[A-Z]{2,20}(?:_[A-Z]{1,20}){0,3}%%?",  # %ORDER_NO%
    r"\[[A-Z][A-Z0-9]*(?:[ _/-][A-Z0-9]+){0,5}\]",  # [NUMBER]
    rf"\[(?i:{_NOUN}(?:[ _/-]?(?:{_NOUN}|{_LINK})){{0,4}})\]",  # [first name]
    rf"<(?i:{_NOUN}(?:[ _-](?:{_NOUN}|{_LINK})){{0,4}})>",  # <first name>
    r"<<[A-Za-z][\w ]{0,40}>>",  # <<name>>
    r"\b__+[A-Z][A-Z_]{2,40}__+\b",  # __NAME__
)
_PLACEHOLDER = re.compile("|".join(_FORMS))
_TYPED = frozenset({"[SIC]", "[OK]", "[EU]", "[UK]", "[USA]", "[US]", "[PDF]", "[XL]", "[XS]", "[S]", "[M]", "[L]"})
"""Words in brackets that people type."""

_MOST = 5
"""Further ones in one field are not named."""


def placeholder_faults(field: Field, text: str) -> Iterator[FormFault]:
    """A fault for each placeholder of a field, the first few of them. Linear in the length of the text."""
    if not any(mark in text for mark in "{[<%_"):
        return
    found = (match for match in _PLACEHOLDER.finditer(text) if match.group() not in _TYPED)
    for match in islice(found, _MOST):
        yield FormFault("placeholder-unfilled", Span(field, match.start(), match.end(), match.group()), field)
