import pathlib

import pytest

from electra_model.errors import InputError
from runners.corpora.corpus_recipe import DEMO, load_recipe

RECIPE = """
packages:
  - name: one
    version: "1.0"
    wheel: one-1.0-py3-none-any.whl
    sha256: "{sha256}"
    bytes: 10
    licence: MIT
    catalogues: ["one/{{lang}}.json"]
"""


def test_demo_recipe_is_pinned_and_small_enough():
    recipe = load_recipe(DEMO)
    assert sum(package.bytes for package in recipe.packages) < 150e6
    assert len({package.wheel for package in recipe.packages}) == len(recipe.packages)
    assert {package.licence for package in recipe.packages} == {"Apache-2.0", "BSD-3-Clause", "MIT"}
    assert recipe.languages["de"] == 62291
    assert "://" not in pathlib.Path(DEMO).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: [", "not a YAML file in line 1"),
        ("- a", "found list instead of keys"),
        ("seed: 1", "packages: Field required"),
        (RECIPE.format(sha256="12") + "", "packages.0.sha256: String should match pattern"),
        (RECIPE.format(sha256="0" * 64) + "sede: 1", "sede: Unexpected keyword argument, found 1"),
        (
            RECIPE.format(sha256="0" * 64).replace("one-1.0", "../one-1.0"),
            "packages.0.wheel: String should match pattern",
        ),
        (
            RECIPE.format(sha256="0" * 64).replace("{lang}", "x"),
            "packages.0.catalogues.0: String should",
        ),
    ],
)
def test_wrong_recipes(tmp_path: pathlib.Path, text, message):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_recipe_that_is_not_there(tmp_path: pathlib.Path):
    with pytest.raises(InputError, match="cannot read the recipe: No such file"):
        load_recipe(str(tmp_path / "none.yaml"))
