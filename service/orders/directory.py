"""The order directory: asks the configured source what it knows of a Support ID, and never waits long."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from classifier import Order
from classifier.draft import known_order
from classifier.evidence import CustomerEvidence
from service.storage.orders import OrderRecord
from service.telemetry.logs import event

State = Literal["told", "known", "not_found", "unavailable", "not_asked"]


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order's state for the judge, and where it comes from. `unavailable`: the source did not answer in time.
    `contradicted`: what the caller said of the order where the source knows something else."""

    order: Order | None
    state: State
    contradicted: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """As stored and answered."""
        order = self.order or Order()
        known: dict[str, object] = {
            "state": self.state, "cancelled_by": order.cancelled_by, "status": order.status
        }  # fmt: skip
        return known | ({"contradicted": dict(self.contradicted)} if self.contradicted else {})

    def after(self, customer: CustomerEvidence) -> "OrderFacts":
        """With what the customer's own message says, where nobody else knows who cancelled."""
        order = known_order(self.order, customer_cancels=customer.cancels)
        if order.cancelled_by == (self.order or Order()).cancelled_by:
            return self
        return OrderFacts(order, "told" if self.state == "not_asked" else self.state, self.contradicted)


NOT_ASKED = OrderFacts(None, "not_asked")


class OrderDirectory:
    """Looks Support IDs up. Without a source it asks nobody."""

    def __init__(
        self,
        look_up: Callable[[str], OrderRecord | None] | None,
        *,
        timeout: float,
        is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_current` False: the source is behind, so an ID that is not found may exist all the same."""
        self._look_up = look_up
        self._timeout = timeout
        self._is_current = is_current
        self._threads = ThreadPoolExecutor(4, "orders") if look_up else None

    @property
    def asks(self) -> bool:
        """Whether there is a source to be asked."""
        return self._look_up is not None

    async def facts(self, support_id: str, given: Order | None) -> OrderFacts:
        """The facts about the order. What the source knows wins over what the caller gives, which fills the rest."""
        if self._look_up is None:
            return OrderFacts(given, "told") if given else NOT_ASKED
        loop = asyncio.get_running_loop()
        try:
            work = loop.run_in_executor(self._threads, self._look_up, support_id)
            known = await asyncio.wait_for(work, self._timeout)
        except Exception as error:  # whatever is wrong with the source, the draft is judged without it
            event("orders-unavailable", level=logging.WARNING, kind=type(error).__name__)
            return OrderFacts(given, "unavailable")
        if known is None:
            return self._not_found(given)
        given = given or Order()
        order = Order(known.cancelled_by or given.cancelled_by, known.status or given.status)
        return OrderFacts(order, "known", _contradicted(given, order))

    def _not_found(self, given: Order | None) -> OrderFacts:
        if not self._is_current():
            return OrderFacts(given, "unavailable")
        given = given or Order()
        return OrderFacts(Order(given.cancelled_by, given.status, unknown_to_source=True), "not_found")

    def close(self) -> None:
        """End the threads that ask."""
        if self._threads:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _contradicted(given: Order, order: Order) -> dict[str, str]:
    """The caller's word, field by field, where it is not what holds; case and surrounding space do not count."""
    words = {"cancelled_by": (given.cancelled_by, order.cancelled_by), "status": (given.status, order.status)}
    return {
        name: said
        for name, (said, holds) in words.items()
        if said and said.strip().casefold() != str(holds).strip().casefold()
    }
