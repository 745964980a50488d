import bz2
import gzip
import lzma

import pytest
import zstandard

from tests.pipelines.formats.catalogue_files import rows_of, write

TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"{namespace}>
<header srclang="en" adminlang="en" segtype="sentence"><note>no row</note></header>
<body>
{units}
</body>
</tmx>
"""


def tmx(*units, namespace=""):
    return TMX.format(units="\n".join(units), namespace=namespace)


def tu(**texts):
    return (
        "<tu>"
        + "".join(
            f'<tuv xml:lang="{tag.replace("_", "-")}"><seg>{text}</seg></tuv>'
            for tag, text in texts.items()
        )
        + "</tu>"
    )


HOUSE = tu(en="house", de="Haus")


def test_a_unit_is_a_row(tmp_path):
    content = tmx(
        HOUSE,
        tu(DE="Baum &amp; Strauch", EN_us="tree <![CDATA[& <shrub>]]>", fr="arbre"),
        '<tu tuid="3"><note>n</note><prop type="p">p</prop>'
        '<tuv lang="en"><prop type="q">q</prop><seg>old</seg></tuv>'
        '<tuv lang="de-AT"><seg>alt</seg></tuv></tu>',
    )
    assert rows_of(write(tmp_path / "a.tmx", content), "en", "de") == [
        (None, "house", "Haus"),
        (None, "tree & <shrub>", "Baum & Strauch"),
        (None, "old", "alt"),
    ]


@pytest.mark.parametrize(
    "unit, row",
    [
        (tu(en="house"), ("missing_language", "house", None)),
        (tu(fr="maison", de="Haus"), ("missing_language", None, "Haus")),
        (tu(fr="maison"), ("missing_language", None, None)),
        ("<tu/>", ("missing_language", None, None)),
        ("<tu><tuv><seg>no language</seg></tuv></tu>", ("missing_language", None, None)),
        (
            '<tu><tuv xml:lang="en"/><tuv xml:lang="de"><seg>Haus</seg></tuv></tu>',
            ("missing_language", None, "Haus"),
        ),
        (tu(en="house", de=""), (None, "house", "")),
        (tu(en="a", en_GB="b", de="c", de_CH="d"), (None, "a", "c")),
        (tu(en_GB="b", en_US="a", de_CH="d"), (None, "b", "d")),
        (
            '<tu><tuv xml:lang="en"><seg>first</seg></tuv><tuv xml:lang="en"><seg>second</seg>'
            '</tuv><tuv xml:lang="de"><seg>x</seg></tuv></tu>',
            (None, "first", "x"),
        ),
    ],
)
def test_variants_are_chosen_by_language(tmp_path, unit, row):
    path = write(tmp_path / "a.tmx", tmx(HOUSE, unit, HOUSE))
    assert rows_of(path, "en", "de") == [(None, "house", "Haus"), row, (None, "house", "Haus")]


@pytest.mark.parametrize(
    "segment, text",
    [
        ("a <hi>big <hi type='x'>red</hi></hi> house", "a big red house"),
        ('a <bpt i="1">&lt;b&gt;</bpt>big<ept i="1">&lt;/b&gt;</ept> house', "a big house"),
        ('a<ph x="1">&lt;br/&gt;</ph> house<it pos="end">]</it><ut>{}</ut>', "a house"),
        ("a house<ph>note: <sub>a foot <hi>note</hi></sub></ph>.", "a house."),
        ("<hi>a<ph>x</ph></hi> house", "a house"),
        ("a <unknown>house</unknown>", "a house"),
        ("a <!-- comment --><?pi x?>house", "a house"),
        ("  a\n house ", "  a\n house "),
        ("", ""),
    ],
)
def test_inline_elements(tmp_path, segment, text):
    path = write(tmp_path / "a.tmx", tmx(tu(en=segment, de=segment)))
    assert rows_of(path, "en", "de") == [(None, text, text)]


def test_one_language(tmp_path):
    path = write(tmp_path / "a.tmx", tmx(HOUSE, tu(en="tree"), tu(de_AT="Marille", en="apricot")))
    assert rows_of(path, "de") == [
        (None, "Haus"),
        ("missing_language", None),
        (None, "Marille"),
    ]


def test_a_namespace_changes_nothing(tmp_path):
    content = tmx(
        HOUSE,
        '<tu xmlns:o="urn:other"><o:tuv xml:lang="de"><o:seg>no</o:seg></o:tuv>'
        '<tuv xml:lang="en"><seg>yes</seg></tuv></tu>',
        '<o:tu xmlns:o="urn:other"/>',
        namespace=' xmlns="http://www.lisa.org/tmx14"',
    )
    assert rows_of(write(tmp_path / "a.tmx", content), "en", "de") == [
        (None, "house", "Haus"),
        ("missing_language", "yes", None),
    ]


@pytest.mark.parametrize(
    "ending, pack",
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", zstandard.ZstdCompressor().compress),
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_compressed(tmp_path, ending, pack, codec):
    content = tmx(*[HOUSE] * 50_000).replace("UTF-8", codec).encode(codec)
    path = write(tmp_path / f"a.tmx{ending}", pack(content))
    assert rows_of(path, "en", "de") == [(None, "house", "Haus")] * 50_000
