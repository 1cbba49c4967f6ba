"""What symdl says when it refuses: one printable line, not long."""

from __future__ import annotations

from symdl.errors import SymdlError


def said_well(error: SymdlError) -> None:
    message = str(error)
    assert message and "\n" not in message and message.isprintable() and len(message) < 600, message
