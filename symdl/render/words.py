"""The fixed words of what symdl prints, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symdl.errors import UnsupportedError
from symdl.steps.step import Rule
from symdl.steps.verdict import PROVED, Report, kinds

LANGUAGES = ("en", "zh")

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "derivation": ("Derivation", "推导"),
        "of": ("Derivative of {loss} with respect to {wrt}", "{loss} 对 {wrt} 的导数"),
        "given": ("Given (forward propagation)", "已知（前向传播）"),
        "backward": ("Backward propagation", "反向传播"),
        "gradients": ("Gradients", "梯度"),
        "matrix": ("in matrix notation", "矩阵记法"),
        "verification": ("Verification", "验证"),
        "what": ("what", "对象"),
        "how": ("how", "方法"),
        "points": ("points", "点数"),
        "error": ("largest error", "最大误差"),
        "verdict": ("verdict", "结论"),
        "hold": ("{all} of {all} hold", "{all} 项全部成立"),
        "not_proved": ("of {all}: {kinds}", "共 {all} 项：{kinds}"),
        "proved": ("{number} proved", "{number} 项已证"),
        "wrong": ("{number} wrong", "{number} 项有误"),
        "in agreement by numbers only": ("{number} in agreement by numbers only", "{number} 项仅数值相符"),
        "passed over": ("{number} skipped", "{number} 项跳过"),
        "undecided": ("{number} undecided", "{number} 项未决"),
        "contents": ("Contents", "目录"),
        "all_checks": ("all checks", "全部检查"),
        "steps": ("all steps", "全部步骤"),
        "got": ("got", "得到"),
        "expected": ("expected", "应为"),
        "all_true": ("everything holds", "全部成立"),
        "not_all_true": ("not everything holds", "并非全部成立"),
        "by": ("by", "由"),
        "PROVED": ("PROVED", "已证"),
        "REFUTED": ("REFUTED", "已否证"),
        "UNKNOWN": ("UNKNOWN", "未决"),
        "ok": ("ok", "通过"),
        "FAILED": ("FAILED", "失败"),
        "skipped": ("skipped", "跳过"),
    }
)


def check_language(lang: str) -> str:
    """The language, if symdl speaks it.

    Raises
    ------
    UnsupportedError
    """
    if lang not in LANGUAGES:
        raise UnsupportedError(f"lang={lang!r:.20}: symdl writes {' and '.join(LANGUAGES)}")
    return lang


def word(key: str, lang: str, **fields: object) -> str:
    """A fixed word or phrase."""
    phrase = _WORDS[key][LANGUAGES.index(check_language(lang))]
    return phrase.format(**fields) if fields else phrase


def tally(report: Report, lang: str) -> str:
    """How many checks hold, where all of it is proved; else how many of every kind there are: nothing that is UNKNOWN is said to hold."""
    count = len(report.checks)
    if report.verdict == PROVED:
        return word("hold", lang, all=count)
    said = [word("passed over" if kind == "skipped" else kind, lang, number=number) for kind, number in kinds(report).items()]
    return word("not_proved", lang, all=count, kinds=("，" if lang == "zh" else ", ").join(said))


def pick(en: str, zh: str, lang: str) -> str:
    """The text in the language; English where there is no Chinese."""
    return zh if check_language(lang) == "zh" and zh else en


def rule_name(rule: Rule, lang: str) -> str:
    """The name of a rule."""
    return pick(rule.name, rule.zh, lang)


def rule_names(rules: tuple[Rule, ...], lang: str) -> str:
    """Several rules, in the order in which they were used."""
    return ("、" if lang == "zh" else ", ").join(rule_name(r, lang) for r in rules)
