"""How many answers may be given incomplete because too much comes: one for a hundred that are complete.

A few drafts too many are better answered without the encoder than refused. Where far more comes all the time, nearly
every answer would be incomplete, and of little use: then a draft is refused, and its caller comes again.
"""

START = 0
"""What a process may give before it has earned any."""
MOST = 16
"""What may be saved up for a burst."""
OWED_COMPLETE = 100
"""So many complete answers earn one that is not."""


class IncompleteAnswers:
    """What is left of the allowance of one process."""

    def __init__(self) -> None:
        self._left = float(START)

    def earn(self) -> None:
        """A draft was judged completely."""
        self._left = min(float(MOST), self._left + 1 / OWED_COMPLETE)

    def spend(self) -> bool:
        """Whether one more draft may be answered incomplete; it counts."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
