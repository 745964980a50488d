"""Language tags as catalogues write them (`zh_CN`, `pt-br`, `sr@latin`) brought to one spelling."""

from __future__ import annotations

import re

TAG = r"[A-Za-z]{2,3}(?:[-_@][A-Za-z0-9]+)*"

# The region that a bare language means: `de_DE` is `de`, but `de_AT` stays `de-AT`.
_HOME_REGION: dict[str, str] = {
    pair[:2]: pair[3:]
    for pair in (
        "af-ZA ar-SA be-BY bg-BG ca-ES cs-CZ cy-GB da-DK de-DE el-GR es-ES et-EE eu-ES fa-IR fi-FI "
        "fr-FR ga-IE gl-ES he-IL hi-IN hr-HR hu-HU hy-AM id-ID is-IS it-IT ja-JP ka-GE ko-KR lt-LT "
        "lv-LV mk-MK nb-NO nl-NL nn-NO pl-PL pt-PT ro-RO ru-RU sk-SK sl-SI sq-AL sv-SE th-TH tr-TR "
        "uk-UA vi-VN"
    ).split()
}
_RENAMED = {"iw": "he", "in": "id", "no": "nb"}
_SCRIPT_MODIFIER = {"latin": "Latn", "latn": "Latn", "cyrillic": "Cyrl", "cyrl": "Cyrl"}


def canonical(tag: str) -> str:
    """The one spelling of a tag: language, script, region, as in BCP 47.

    >>> [canonical(tag) for tag in ("zh_CN", "zh-hant", "pt_br", "de_DE", "es-419", "sr@latin",
    "no")] ['zh-Hans', 'zh-Hant', 'pt-BR', 'de', 'es-419', 'sr-Latn', 'nb']

    Chinese is told apart by script alone, with simplified for a bare `zh`. What is no tag comes
    back as it is.
    """
    if not re.fullmatch(TAG, tag):
        return tag
    language, *subtags = re.split("[-_@]", tag.lower())
    language = _RENAMED.get(language, language)
    script = region = variant = ""
    for subtag in subtags:
        if subtag in _SCRIPT_MODIFIER or (len(subtag) == 4 and subtag.isalpha()):
            script = _SCRIPT_MODIFIER.get(subtag, subtag.title())
        elif len(subtag) == 2 or (len(subtag) == 3 and subtag.isdigit()):
            region = subtag.upper()
        else:
            variant = subtag
    if language == "zh":
        traditional = script == "Hant" or (not script and region in ("TW", "HK", "MO"))
        return "zh-Hant" if traditional else "zh-Hans"
    if region == _HOME_REGION.get(language):
        region = ""
    return "-".join(part for part in (language, script, region, variant) if part)
