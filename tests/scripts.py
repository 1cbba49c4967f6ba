"""The derivation scripts as modules, for tests. Every page is built once a test run."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import symdl as sd
from symdl.steps.page import Claim, Figure

FOLDER = Path(__file__).resolve().parent.parent / "derivations"


@cache
def script(name: str) -> ModuleType:
    """derivations/<name>.py as a module."""
    spec = importlib.util.spec_from_file_location(f"derivations_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def page(name: str) -> sd.Page:
    """The page that the script builds."""
    return script(name).page()


def assert_both_languages(name: str) -> None:
    """Every text, every rule of a claim and every caption stands in English and Chinese."""
    for block in page(name).blocks:
        if hasattr(block, "en"):
            assert block.zh, block.en
        if isinstance(block, Claim):
            assert block.rule.zh, block.rule.name
        if isinstance(block, Figure):
            assert block.caption_zh


def assert_holds_and_prints(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As somebody sees it who runs the script: LaTeX, a table in which all is proved, status 0."""
    assert sd.run_page(page(name)) == 0
    shown = capsys.readouterr().out
    assert page(name).name == name and page(name).title_zh
    assert page(name).title in shown and "PROVED" in shown and "\\" in shown
    assert "REFUTED" not in shown and "FAILED" not in shown and "UNKNOWN" not in shown
