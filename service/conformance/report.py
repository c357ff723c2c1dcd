"""Every line of the contract, checked one after the other: what holds, what does not, what could not be checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import httpx

from service.conformance.deployment import BrokenError, Deployment, NotCheckedError
from service.conformance.lines import LINES, ContractLine


@dataclass(frozen=True, slots=True)
class LineResult:
    """What came of a line; `detail` says why it is broken or not checked."""

    id: str
    line: str
    state: Literal["holds", "broken", "not checked"]
    detail: str = ""


def check_lines(deployment: Deployment) -> Iterator[LineResult]:
    """The results in the order of the contract. One that breaks spares none of the others."""
    for one in LINES:
        yield _result(one, deployment)


def _result(one: ContractLine, deployment: Deployment) -> LineResult:
    try:
        one.check(deployment)
    except BrokenError as error:
        return LineResult(one.id, one.words, "broken", str(error))
    except NotCheckedError as error:
        return LineResult(one.id, one.words, "not checked", str(error))
    except httpx.HTTPError as error:
        return LineResult(one.id, one.words, "broken", f"no answer: {type(error).__name__}")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:  # an answer of another shape
        return LineResult(one.id, one.words, "broken", f"an answer of another shape: {type(error).__name__} {error}")
    return LineResult(one.id, one.words, "holds")
