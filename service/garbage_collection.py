"""Freezes the objects of the start for the garbage collector, and gives memory back that is free again."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def startup_freeze() -> Iterator[None]:
    """Exclude the objects made within from garbage collection: modules, rules and models live as long as the process.

    Collecting them during the start takes a fifth of its time, and later it delays requests.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def return_free_memory() -> None:
    """Give what is free back to the system. The C library keeps the pages of a replaced model in each thread's arena,
    so that a process grows with the reloads although nothing of the old models is left."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # GNU libc alone has it
    if trim is not None:
        trim(0)
