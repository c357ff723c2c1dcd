"""The closed list of six things a draft can do, as the labelling guide names them."""

from enum import StrEnum


class Label(StrEnum):
    """One label of the guide; its value is the word used in data, rules, HTTP and console."""

    ADDRESS_REQUEST = "address_request"
    DELAY_NOTICE = "delay_notice"
    RETURNED_TO_SENDER = "returned_to_sender"
    INVENTORY_CANCELLATION = "inventory_cancellation"
    SUBSTITUTE_OFFER = "substitute_offer"
    CANCELLATION_PROBING = "cancellation_probing"


LABELS: tuple[Label, ...] = tuple(Label)
"""All six, in the one order in which arrays of scores are kept."""
