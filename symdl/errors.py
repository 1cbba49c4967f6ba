"""Errors: each is one line that names the thing and the mend."""

from __future__ import annotations

from typing import Any

#: Messages repeat what the user wrote, which may be long.
LONGEST = 500


class SymdlError(Exception):
    """Base of every error symdl raises on purpose. Whatever the message repeats, it is one printable line."""

    def __init__(self, message: object = "") -> None:
        super().__init__(_one_line(str(message)))


def _one_line(message: str) -> str:
    line = " ".join(message.split()) if any(c in message for c in "\n\r\t\v\f") else message
    shown = line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST // 2]} ... {shown[-LONGEST // 2 + 5 :]}"


class ParseError(SymdlError):
    """A text is not in symdl's language."""


class ShapeError(SymdlError):
    """Two shapes do not go together; the message names both tensors, both shapes and the operation."""


class NameError_(SymdlError):
    """A name is unknown, or is used for two things."""


class DomainError(SymdlError):
    """A value lies outside what a function or an operation is defined on."""


class DivergenceError(DomainError):
    """A training diverged.

    Attributes
    ----------
    params : dict
        Name -> the last good parameters: those of the last step whose loss and gradients were finite; of the lowest loss where it only grew.
    history : list of float
        Mean losses of the epochs before them.
    epoch, step : int
        Epochs, and steps of the next one, that led to them.
    """

    def __init__(self, message: object = "", params: dict[str, Any] | None = None, history: list[float] | None = None, at: tuple[int, int] = (0, 0)) -> None:
        super().__init__(message)
        self.params, self.history = params or {}, history or []
        self.epoch, self.step = at


class DataError(SymdlError):
    """Numbers handed in are missing, empty, not finite, or of the wrong shape."""


class UnsupportedError(SymdlError):
    """What is asked is well formed, and symdl has no rule for it."""


class MissingExtraError(SymdlError):
    """An optional dependency is not installed; the message says what to install."""


def missing_extra(package: str, extra: str, what: str) -> MissingExtraError:
    """The one-line answer to a missing optional dependency."""
    return MissingExtraError(f"{what} needs {package}: pip install 'symdl[{extra}]'")
