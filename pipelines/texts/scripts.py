"""In which scripts languages are written, as far as `characters` tells scripts apart.

Source: the Unicode CLDR's supplemental data, `languageData`, for the primary scripts.
"""

from __future__ import annotations

from electra_model.errors import InputError

from .characters import CharacterClass

_LATIN, _CYRILLIC = (CharacterClass.LATIN,), (CharacterClass.CYRILLIC,)
_HAN = (CharacterClass.HAN,)
_ARABIC, _DEVANAGARI = (CharacterClass.ARABIC,), (CharacterClass.DEVANAGARI,)

# Scripts that have no class of their own are counted as other letters.
_OTHER = (CharacterClass.OTHER_LETTER,)

_SCRIPTS: dict[str, tuple[CharacterClass, ...]] = {
    **dict.fromkeys(
        "af az br bs ca cs cy da de en eo es et eu fi fil fo fr fy ga gd gl ha hr ht hu id ig is "
        "it jv la lb lt lv mg mi ms mt nb nl nn no oc om pl pt qu ro rw sk sl sm sn so sq st su sv "
        "sw tk tl tr uz vi wa xh yo zu".split(),
        _LATIN,
    ),
    **dict.fromkeys("ba be bg ce cv ky mk mn os ru tg tt uk".split(), _CYRILLIC),
    **dict.fromkeys("kk sr".split(), _CYRILLIC + _LATIN),
    **dict.fromkeys("ar ary arz ckb fa ps sd ug ur".split(), _ARABIC),
    "ku": _LATIN + _ARABIC,
    "pa": _OTHER + _ARABIC,
    "el": (CharacterClass.GREEK,),
    **dict.fromkeys("he yi".split(), (CharacterClass.HEBREW,)),
    **dict.fromkeys("hi mai mr ne sa".split(), _DEVANAGARI),
    "th": (CharacterClass.THAI,),
    **dict.fromkeys("zh yue wuu".split(), _HAN),
    "ja": (CharacterClass.KANA, *_HAN),
    "ko": (CharacterClass.HANGUL, *_HAN),
    **dict.fromkeys("am as bn dz gu hy ka km kn lo ml my or si ta te ti".split(), _OTHER),
}

# Subtags of a language tag that name the script (BCP 47, ISO 15924).
_BY_SUBTAG = {
    "latn": _LATIN,
    "cyrl": _CYRILLIC,
    "grek": (CharacterClass.GREEK,),
    "arab": _ARABIC,
    "hebr": (CharacterClass.HEBREW,),
    "deva": _DEVANAGARI,
    "thai": (CharacterClass.THAI,),
    "hani": _HAN,
    "hans": _HAN,
    "hant": _HAN,
    "jpan": (CharacterClass.KANA, *_HAN),
    "kore": (CharacterClass.HANGUL, *_HAN),
}

# Written without spaces between words.
_UNSPACED = frozenset("dz ja km lo my th wuu yue zh".split())


def primary(language: str) -> str:
    """The language of a tag: "pt" of "pt-BR"."""
    return language.replace("_", "-").partition("-")[0].lower()


def is_spaced(language: str) -> bool:
    """Whether words of the language are told apart by white space."""
    return primary(language) not in _UNSPACED


def scripts_of(language: str) -> tuple[CharacterClass, ...]:
    """The classes of the letters that a language is written in.

    Raises:
      InputError: the language is not in the table, and its tag names no script.
    """
    for subtag in language.replace("_", "-").lower().split("-")[1:]:
        if subtag in _BY_SUBTAG:
            return _BY_SUBTAG[subtag]
    try:
        return _SCRIPTS[primary(language)]
    except KeyError:
        raise InputError(
            f"clean.min_script_share: the scripts of the language {language!r} are not known; "
            f"name one in its tag, such as {language}-Latn, or switch the rule off"
        ) from None
