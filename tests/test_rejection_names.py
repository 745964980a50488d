"""The README's table of what a record can be rejected as, besides the rules of `clean`."""

import ast
import re
from pathlib import Path

from pipelines.cleaning.clean_config import rule_names
from runners.report.report_sections import RULES

ROOT = Path(__file__).parents[1]


def in_readme():
    text = (ROOT / "README.md").read_text()
    table = text.partition("| rejected as | |\n|---|---|\n")[2].partition("\n\n")[0]
    names = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.split("\n")]
    return [name for some in names for name in some]


def test_the_table_names_each_once():
    names = in_readme()
    assert sorted(names) == sorted(set(RULES) - set(rule_names()))


def test_the_code_gives_each_and_no_others():
    strings, told = set(), set()
    for path in (ROOT / "pipelines").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.add(node.value)
                # What the docstrings of readers name, up to the next paragraph.
                for errors in re.findall(r"Errors:(.*?)(?:\n\n|$)", node.value, re.DOTALL):
                    told |= set(re.findall(r'"(\w+)"', errors))
    assert set(in_readme()) <= strings
    assert told <= set(in_readme()) and len(told) > 12
