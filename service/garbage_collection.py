"""What is made at a start and stays: garbage is not looked for among it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def startup_freeze() -> Iterator[None]:
    """Modules, rules and models that are made within stay as long as the process. The collector passes them over: now,
    where walking them again and again would be a fifth of a start, and later, where it would hold up requests."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
