"""All choices of one training run, frozen: what makes two runs over the same drafts the same."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """`*_c` are inverse regularisation strengths; between the two probabilities of `doubt_*` the encoder reads a
    passage; `word_writers` and `ngram_texts` the least support of a column. `estimator` is the dotted name of a class
    with fit and predict_proba that stands in the place of the linear stack, `estimator_options` its arguments as
    JSON."""

    word_writers: int = 3
    ngram_texts: int = 4
    plain_c: float = 10.0
    bayes_c: float = 5.0
    stack_c: float = 0.05
    folds: int = 4
    doubt_prohibited: tuple[float, float] = (0.03, 0.99)
    doubt_permitted: tuple[float, float] = (0.01, 0.9)
    seed: int = 7
    estimator: str = ""
    estimator_options: str = ""

    def as_record(self) -> dict[str, Any]:
        """The choices for a manifest: without an estimator, nothing of one."""
        return {name: value for name, value in asdict(self).items() if value or not name.startswith("estimator")}

    def digest(self) -> str:
        """A short name of these choices."""
        return hashlib.sha256(json.dumps(self.as_record(), sort_keys=True).encode()).hexdigest()[:12]
