"""All choices of one training run, frozen: what makes two runs over the same drafts the same."""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """`*_c` are inverse regularisation strengths; between the two probabilities of `doubt_*` the
    encoder is asked; `word_writers` and `ngram_texts` the least support of a column."""

    word_writers: int = 3
    ngram_texts: int = 3
    draft_c: float = 20.0
    bayes_c: float = 5.0
    window_c: float = 10.0
    stack_c: float = 0.05
    folds: int = 4
    doubt_prohibited: tuple[float, float] = (0.2, 0.99)
    doubt_reason: tuple[float, float] = (0.2, 0.7)
    distractors: int = 1
    seed: int = 7

    def digest(self) -> str:
        """A short name of these choices."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
