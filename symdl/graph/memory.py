"""Python's cycle collector, paused while many nodes are made at once.

Nodes hold no cycles. But every few hundred new objects the collector looks through them, and now and then through all there are: two thirds of the time that
a gradient of 100,000 nodes would take.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No cycle collection inside; what the caller had set comes back, also after an error."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
