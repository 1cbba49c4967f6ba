"""What the README says works as it stands."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from symdl.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def marked(name: str) -> str:
    """The one command after a mark, as .ci/run reads it."""
    found = re.search(rf"^<!-- command: {name} -->\n```sh\n(.*?)^```$", README, re.M | re.S)
    assert found, f"README.md has no command marked {name}"
    return found.group(1).strip()


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.splitlines()[-1][:30])
def test_readme_python_runs(code):
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "docs").glob("*.md") if p.name != "DESIGN.md"))
def test_page_runs_from_top_to_bottom(name):
    text = (ROOT / "docs" / name).read_text("utf-8")
    code = "".join(re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S))
    exec(compile(code, name, "exec"), {"__name__": name})


def commands() -> list[str]:
    """What README and docs tell to type."""
    pages = [README, *(p.read_text("utf-8") for p in sorted((ROOT / "docs").glob("*.md")))]
    shown = [block for text in pages for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)]
    return [line[2:] for block in shown for line in block.splitlines() if line.startswith("$ ")]


COMMANDS = commands()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[:40])
def test_readme_commands_run(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program, *argv = shlex.split(command)
    assert program == "symdl"
    assert main(argv) == 0, capsys.readouterr().err


def test_readme_set_up_commands_are_single_lines_with_known_extras():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for name, does in (("tour", "symdl tour"), ("tests", "pytest")):
        command = marked(name)
        assert "\n" not in command and does in command
        assert set(re.findall(r"\.\[([\w,]+)\]", command)[0].split(",")) <= set(extras)


def test_links_of_the_docs_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_places_the_readme_names_exist():
    for place in re.findall(r"`((?:symdl|derivations|docs|tests|benchmarks)/[\w./]*)`", README):
        assert (ROOT / place).exists(), place
