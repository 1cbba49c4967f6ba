"""Characters beyond ASCII that people type into formulas, and what they are in LaTeX."""

from __future__ import annotations

import unicodedata

#: Character -> (kind, text) of its token.
SIGNS = {
    "−": ("-", "-"),
    "–": ("-", "-"),
    "′": ("'", "'"),
    "’": ("'", "'"),
    "‖": ("norm", "norm"),
    "·": ("command", "cdot"),
    "⋅": ("command", "cdot"),
    "×": ("command", "times"),
    "⊙": ("command", "odot"),
    "∘": ("command", "circ"),
    "⊗": ("command", "otimes"),
    "⊤": ("command", "top"),
    "∂": ("command", "partial"),
    "∇": ("command", "nabla"),
    "∑": ("command", "sum"),
    "∏": ("command", "prod"),
    "√": ("command", "sqrt"),
    "≠": ("command", "ne"),
    "≤": ("command", "le"),
    "≥": ("command", "ge"),
    "≈": ("command", "approx"),
    "⇒": ("command", "Rightarrow"),
    "⇔": ("command", "iff"),
    "∴": ("command", "therefore"),
    "ℓ": ("command", "ell"),
    "𝟙": ("ones", "1"),
    "⟨": ("command", "langle"),
    "⟩": ("command", "rangle"),
    "，": (",", ","),
    "；": (";", ";"),
    "：": (":", ":"),
    "（": ("(", "("),
    "）": (")", ")"),
}

_GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩϵϕϑ"
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega epsilon phi theta"
)
GREEK = dict(zip(_GREEK_LETTERS, _GREEK_NAMES.split(), strict=True))

#: Raised and lowered characters -> what is raised or lowered.
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀⁿⁱᵗᵈᵏᵐʲˡ", "0123456789+-()Tnitdkmjl", strict=True))
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ᵢⱼₖₗₘₙₚₛₜₓₐₑₕᵣᵤᵥ", "0123456789+-()ijklmnpstxaehruv", strict=True))

_ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0305": "bar", "\u0303": "tilde", "\u0307": "dot"}


def accented(text: str, at: int) -> tuple[str, str, int] | None:
    """A letter with an accent at this place, in one character or two: (accent, letter, length)."""
    whole = unicodedata.normalize("NFD", text[at])
    if len(whole) == 2 and whole[1] in _ACCENTS:
        return _ACCENTS[whole[1]], whole[0], 1
    if text[at].isalpha() and text[at + 1 : at + 2] in _ACCENTS:
        return _ACCENTS[text[at + 1]], text[at], 2
    return None


def is_prose(character: str) -> bool:
    """Whether the character belongs to Chinese prose around formulas."""
    return "\u3000" <= character <= "\u9fff" and character not in SIGNS
