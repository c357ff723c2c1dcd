"""What the customer's own message says, where a draft replies to it: that they cancel, or wish for an exchange."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from classifier.draft import Draft
from classifier.evidence import CustomerEvidence, LanguageGuess, Span
from classifier.matching.matcher import RuleMatcher
from classifier.matching.rulebook import ASKS_EXCHANGE, CANCELS
from classifier.reading.language import Range
from classifier.reading.reader import Reader, Reading
from classifier.reading.spelling import Words

_QUOTED = (">", "|")
"""How mail programs begin the lines that quote an earlier message: in a customer's message, the merchant's words."""


@dataclass(frozen=True, slots=True)
class CustomerMessage:
    """A customer's message as it was read. `variants` are the colours and makes that it names."""

    cancels: bool = False
    asks_exchange: bool = False
    variants: frozenset[str] = frozenset()


NO_MESSAGE = CustomerMessage()


class _AnyLanguage:
    """Judges no language: rules for customers are written for all of them at once."""

    def guess(self, draft: Draft, tokens: Sequence[str]) -> LanguageGuess:
        return LanguageGuess("und", "full")

    def unjudged(self, tokens: Sequence[str], sentences: Iterable[Range], main: LanguageGuess) -> list[Range]:
        return []

    def says_something(self, tokens: Sequence[str], guess: LanguageGuess) -> bool:
        return True


class CustomerReader:
    """Reads customers' messages by the rules of `when = "customer_writes"`."""

    def __init__(self, words: Words, matcher: RuleMatcher, variants: Mapping[str, str]) -> None:
        """`variants`: each word for a variant, in any language, and the name of the variant."""
        self._reader = Reader(words, _AnyLanguage())
        self._matcher = matcher
        self._variants = variants

    def read(self, draft: Draft) -> CustomerMessage:
        """What the message that a draft replies to says; nothing for a new ticket. Lines that quote are not read."""
        if draft.context != "reply" or not draft.customer_message.strip():
            return NO_MESSAGE
        own = [line for line in draft.customer_message.splitlines() if not line.lstrip().startswith(_QUOTED)]
        reading = self._reader.read(Draft("", "", "\n".join(own)))
        hits = self._matcher.find(reading).hits
        found = [hit.rule_id for hit in hits if hit.when == "customer_writes" and hit.status == "live"]
        return CustomerMessage(
            cancels=any(rule_id.endswith(CANCELS) for rule_id in found),
            asks_exchange=any(rule_id.endswith(ASKS_EXCHANGE) for rule_id in found),
            variants=self._named(reading.tokens),
        )

    def evidence(self, message: CustomerMessage, reading: Reading, offers: Iterable[Span]) -> CustomerEvidence:
        """What the message says, beside the sentences of the draft that offer something. Where the customer named a
        variant and a sentence offers another, the exchange is not the one that they asked for."""
        if not message.asks_exchange:
            return CustomerEvidence(cancels=message.cancels)
        offered = [self._offered(_tokens(reading, span)) for span in offers] if message.variants else []
        other = any(variant is not None and variant not in message.variants for variant in offered)
        return CustomerEvidence(message.cancels, "other" if other else "asked")

    def _named(self, tokens: Iterable[str]) -> frozenset[str]:
        return frozenset(self._variants[token] for token in tokens if token in self._variants)

    def _offered(self, tokens: Iterable[str]) -> str | None:
        """The variant that a sentence offers: the last one before what says which it takes the place of."""
        last = None
        for token in tokens:
            last = self._variants.get(token, last)
            if token in _IN_PLACE_OF and last is not None:
                return last
        return last


_IN_PLACE_OF = frozenset("instead than statt anstatt anstelle lieu place lugar vez posto invece anziche".split())


def _tokens(reading: Reading, span: Span) -> list[str]:
    first, end = (0, reading.subject_tokens) if span.field == "subject" else (reading.subject_tokens, None)
    placed = zip(reading.tokens[first:end], reading.starts[first:end], strict=True)
    return [token for token, start in placed if span.start <= start < span.end]
