import hashlib
import json
import os
import pathlib
import random
import zipfile

import pytest
import yaml

from electra_model.errors import InputError, WorkError
from runners.corpora import corpus
from runners.corpora.corpus import build_corpus, count_pairs
from runners.corpora.corpus_recipe import DEMO, load_recipe

HEADER = 'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'


def _sentences(count: int, seed: int) -> list[str]:
    """English-looking sentences of words that are drawn letter by letter: none is like another."""
    draw = random.Random(seed)
    return [
        " ".join("".join(draw.choices("abcdefghijklmnoprstuw", k=7)) for _ in range(3))
        for _ in range(count)
    ]


def _write_wheel(folder: pathlib.Path, name: str, members: dict[str, str]) -> dict:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    members = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/licenses/LICENSE": f"Use {name} as you like.\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    data = path.read_bytes()
    return {
        "name": name,
        "version": "1.0",
        "wheel": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "licence": "MIT",
    }


@pytest.fixture
def recipe(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """Two packages in a folder that pip is set to: 20 documents of 5 strings, and a .po of 51."""
    registry = tmp_path / "registry"
    registry.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(registry))
    members = {}
    sentences = _sentences(100, seed=1)
    for number in range(20):
        mine = {f"k{key}": sentences[5 * number + key] for key in range(5)}
        members[f"home/part{number:02}/en.json"] = json.dumps({"a": mine, "b": "Same"})
        german = {key: f"auf Deutsch: {text}" for key, text in mine.items()}
        members[f"home/part{number:02}/de.json"] = json.dumps({"a": german, "b": "Same"})
    members["home/part00/fr.json"] = json.dumps({"b": "Pareil"})
    home = _write_wheel(registry, "home", members)
    strings = [f'msgid "{text}"\nmsgstr "Deutsch {text}"\n' for text in _sentences(50, seed=2)]
    strings.append('#, fuzzy\nmsgid "Perhaps"\nmsgstr "Vielleicht"\n')
    shop = _write_wheel(
        registry, "shop", {"shop/locale/de_DE/LC_MESSAGES/shop.po": HEADER + "\n".join(strings)}
    )
    return {
        "valid_pairs": 10,
        "test_pairs": 12,
        "documents": {"count": 4, "min_strings": 5, "max_strings": 5},
        "min_pairs": 100,
        "packages": [
            {**home, "catalogues": ["home/{document}/{lang}.json"]},
            {**shop, "catalogues": ["shop/locale/{lang}/LC_MESSAGES/*.po"]},
        ],
    }


def _build(tmp_path: pathlib.Path, recipe: dict, target: str = "de", output: str = "out") -> dict:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return build_corpus(str(path), target, str(tmp_path / output), str(tmp_path / "cache"))


def _tree(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_corpus_is_complete_and_adds_up(tmp_path, recipe):
    facts = _build(tmp_path, recipe, target="de-DE")
    assert facts["target_lang"] == "de" and not facts["already_complete"]
    # 20 x 6 strings and 51; of these "Same" is 20 times identical and one string is fuzzy.
    assert (facts["in"], facts["out"], facts["rejected"]) == (
        171,
        150,
        {"fuzzy": 1, "identical": 20},
    )
    assert facts["pairs"] == {"train": 108, "valid": 10, "test": 12, "documents": 20}
    assert facts["packages"]["shop"]["in"] == 51
    assert facts["packages"]["shop"]["rejected"] == {"fuzzy": 1}

    output = tmp_path / "out"
    tree = _tree(output)
    assert json.loads(tree["corpus.json"])["pairs"] == facts["pairs"]
    assert {
        name: hashlib.sha256(data).hexdigest()
        for name, data in tree.items()
        if name != "corpus.json"
    } == {name: described["sha256"] for name, described in facts["files"].items()}
    rows = {name: tree[f"{name}.tsv"].decode().splitlines() for name in ("train", "valid", "test")}
    assert {name: len(lines) for name, lines in rows.items()} == {
        "train": 108,
        "valid": 10,
        "test": 12,
    }
    assert all(len(row.split("\t")) == 2 for lines in rows.values() for row in lines)
    assert tree["LICENSES/home.txt"] == b"Use home as you like.\n"
    notice = tree["NOTICE"].decode().splitlines()
    assert notice[4] == "package | version | licence | pairs: train / valid / test / documents"
    home, shop = (facts["packages"][name]["pairs"] for name in ("home", "shop"))
    assert (
        notice[5] == f"home | 1.0 | MIT | {home['train']} / {home['valid']} / {home['test']} / 20"
    )
    assert notice[6] == f"shop | 1.0 | MIT | {shop['train']} / {shop['valid']} / {shop['test']} / 0"


def test_documents_keep_their_order_and_their_references(tmp_path, recipe):
    _build(tmp_path, recipe)
    folder = tmp_path / "out" / "documents"
    lines = (folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    texts = sorted(path.name for path in folder.glob("*.txt"))
    assert len(records) == 2 and len(texts) == 2
    assert texts == sorted(path.name for path in (folder / "references").iterdir())
    sentences = _sentences(100, seed=1)
    for record in records:
        number = int(record["id"].removeprefix("home/part"))
        mine = sentences[5 * number : 5 * number + 5]
        assert record["text"].split("\n") == mine
        assert record["reference"].split("\n") == [f"auf Deutsch: {text}" for text in mine]
    number = int(texts[0].removeprefix("home-part").removesuffix(".txt"))
    mine = sentences[5 * number : 5 * number + 5]
    assert (folder / texts[0]).read_text() == "".join(f"{text}\n" for text in mine)
    references = (folder / "references" / texts[0]).read_text()
    assert references == "".join(f"auf Deutsch: {text}\n" for text in mine)


def test_same_bytes_again_and_no_work_when_complete(tmp_path, recipe, monkeypatch):
    _build(tmp_path, recipe)
    first = _tree(tmp_path / "out")
    _build(tmp_path, recipe, output="again")
    assert _tree(tmp_path / "again") == first

    # With the registry gone and the cache empty, only a complete result can be given.
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert _build(tmp_path, recipe)["already_complete"]
    (tmp_path / "out" / "test.tsv").write_text("damaged")
    with pytest.raises(WorkError, match="pip could not download"):
        _build(tmp_path, recipe)
    (tmp_path / "cache").rmdir()
    (tmp_path / "gone").rename(tmp_path / "cache")
    assert not _build(tmp_path, recipe)["already_complete"]
    assert _tree(tmp_path / "out") == first
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("again", "cache", "out", "recipe.yaml", "registry")
    ]


def test_another_recipe_replaces_an_earlier_corpus_and_nothing_else(tmp_path, recipe):
    _build(tmp_path, recipe)
    recipe["documents"]["count"] = 2
    assert _build(tmp_path, recipe)["documents"] == 2
    assert len(list((tmp_path / "out" / "documents").glob("*.txt"))) == 1

    (tmp_path / "out" / "mine.txt").write_text("precious")
    recipe["test_pairs"] = 5
    before = _tree(tmp_path / "out")
    with pytest.raises(InputError, match="holds mine.txt, which is of no earlier corpus"):
        _build(tmp_path, recipe)
    assert _tree(tmp_path / "out") == before


def test_a_run_that_dies_leaves_nothing_that_looks_finished(tmp_path, recipe, monkeypatch):
    def die(*unused):
        os.kill(os.getpid(), 9)

    child = os.fork()
    if child == 0:
        # The name is looked up when the folder is complete and waits to be put in its place.
        monkeypatch.setattr(os, "rename", die)
        try:
            _build(tmp_path, recipe)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert not (tmp_path / "out").exists() and (tmp_path / ".out.building").exists()
    assert _build(tmp_path, recipe)["pairs"]["train"] == 108
    assert not (tmp_path / ".out.building").exists()


@pytest.mark.parametrize("listed", [True, False])
def test_target_with_too_few_pairs(tmp_path, recipe, listed):
    if listed:
        recipe["languages"] = {"de": 150, "fr": 1}
    with pytest.raises(InputError) as caught:
        _build(tmp_path, recipe, target="fr_FR")
    assert str(caught.value) == (
        "target: 'fr' has 1 pairs in this recipe, at least 100 are needed; pairs by target: de 150"
    )
    assert (tmp_path / "cache").exists() != listed
    with pytest.raises(InputError, match="'en' is the source language"):
        _build(tmp_path, recipe, target="en")


def test_target_hint_has_the_same_language():
    with pytest.raises(
        InputError, match=r"'es-MX' has 699 pairs in this recipe \(did you mean 'es'\?\)"
    ):
        build_corpus(DEMO, "es_MX", "unused", "unused")


def test_output_that_is_no_folder(tmp_path, recipe):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="must be a folder"):
        _build(tmp_path, recipe)


def test_sums_are_checked(tmp_path, recipe, monkeypatch):
    whole = corpus.corpus_split.split

    def lossy(pairs, recipe):
        split = whole(pairs, recipe)
        split.train.pop()
        return split

    monkeypatch.setattr(corpus.corpus_split, "split", lossy)
    with pytest.raises(WorkError, match="shop: 51 strings in, "):
        _build(tmp_path, recipe)
    assert not (tmp_path / "out").exists()


@pytest.mark.network
def test_demo_corpus(tmp_path):
    facts = build_corpus(DEMO, "de", str(tmp_path / "out"), str(tmp_path / "cache"))
    recipe = load_recipe(DEMO)
    assert facts["pairs"] == {"train": 49788, "valid": 1000, "test": 1000, "documents": 1264}
    assert facts["in"] == facts["out"] + sum(facts["rejected"].values()) == 66396
    assert facts["documents"] == 48
    assert facts["seconds"] < 120
    wheels = {
        package.name: str(tmp_path / "cache" / package.wheel)
        for package in recipe.packages
        if not package.targets or "de" in package.targets
    }
    assert count_pairs(recipe, wheels)["de"] == recipe.languages["de"]
