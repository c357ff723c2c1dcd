"""All choices of one training run, frozen: what makes two runs over the same drafts the same."""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """`*_c` are inverse regularisation strengths; between the two probabilities of `doubt_*` the encoder reads a
    passage; `word_writers` and `ngram_texts` the least support of a column."""

    word_writers: int = 3
    ngram_texts: int = 4
    plain_c: float = 10.0
    bayes_c: float = 5.0
    stack_c: float = 0.05
    folds: int = 4
    doubt_prohibited: tuple[float, float] = (0.03, 0.99)
    doubt_permitted: tuple[float, float] = (0.06, 0.95)
    seed: int = 7

    def digest(self) -> str:
        """A short name of these choices."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
