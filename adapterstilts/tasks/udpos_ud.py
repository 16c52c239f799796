"""Part-of-speech tags of Universal Dependencies themselves: one treebank a language, the 33 languages of UDPOS."""

from adapterstilts.tasks import Task
from adapterstilts.tasks._upos import UPOS

_TREEBANKS = {
    "af": "af_afribooms", "ar": "ar_padt", "bg": "bg_btb", "de": "de_gsd", "el": "el_gdt", "en": "en_ewt",
    "es": "es_gsd", "et": "et_edt", "eu": "eu_bdt", "fa": "fa_seraji", "fi": "fi_tdt", "fr": "fr_gsd",
    "he": "he_htb", "hi": "hi_hdtb", "hu": "hu_szeged", "id": "id_gsd", "it": "it_isdt", "ja": "ja_gsd",
    "kk": "kk_ktb", "ko": "ko_gsd", "mr": "mr_ufal", "nl": "nl_alpino", "pt": "pt_bosque", "ru": "ru_gsd",
    "ta": "ta_ttb", "te": "te_mtg", "th": "th_pud", "tl": "tl_trg", "tr": "tr_imst", "ur": "ur_udtb",
    "vi": "vi_vtb", "yo": "yo_ytb", "zh": "zh_gsd",
}  # fmt: skip

TASK = Task(
    name="udpos_ud",
    format="tagging",
    metric="chunk_f1",
    repo="universal-dependencies/universal_dependencies",
    configs=_TREEBANKS,
    splits={"train": "train", "dev": "dev", "test": "test"},
    columns={"tokens": "tokens", "tags": "upos"},
    labels=UPOS,
    roles=("intermediate", "target"),
    category="tagging",
    skill="syntax",
    difficulty=1,
    licence="that of each treebank: most CC BY-SA 4.0, many CC BY-NC-SA (non-commercial)",
    source="Nivre et al. 2020, https://universaldependencies.org",
    reshape="words",
    notes=(
        "Each language is one treebank, so none of another language is mixed in, as in `udpos`; the scores are not "
        "XTREME's. The newest release is read and its commit recorded, so there are no counts to hold rows against. "
        "Fused words (German `zum`) are left out, their parts stay. Thai, Tagalog and Yoruba have test rows only."
    ),
)
