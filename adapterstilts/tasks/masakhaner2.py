"""MasakhaNER 2: names and dates in the news of twenty African languages."""

from adapterstilts.tasks import Split, Task

_NAMES = {
    "bbj": "bbj", "bm": "bam", "ee": "ewe", "fon": "fon", "ha": "hau", "ig": "ibo", "lg": "lug", "luo": "luo",
    "mos": "mos", "ny": "nya", "pcm": "pcm", "rw": "kin", "sn": "sna", "sw": "swa", "tn": "tsn", "tw": "twi",
    "wo": "wol", "xh": "xho", "yo": "yor", "zu": "zul",
}  # fmt: skip

_ROWS: dict[str, dict[Split, int]] = {
    "bbj": {"dev": 483, "test": 966},
    "bm": {"dev": 638, "test": 1274},
    "ee": {"dev": 501, "test": 1001},
    "fon": {"dev": 623, "test": 1228},
    "ha": {"dev": 816, "test": 1633},
    "ig": {"dev": 1090, "test": 2181},
    "lg": {"dev": 706, "test": 1412},
    "luo": {"dev": 737, "test": 1474},
    "mos": {"dev": 648, "test": 1294},
    "ny": {"dev": 893, "test": 1785},
    "pcm": {"dev": 806, "test": 1613},
    "rw": {"dev": 1118, "test": 2235},
    "sn": {"dev": 887, "test": 1773},
    "sw": {"dev": 942, "test": 1883},
    "tn": {"dev": 499, "test": 996},
    "tw": {"dev": 605, "test": 1211},
    "wo": {"dev": 656, "test": 1312},
    "xh": {"dev": 817, "test": 1633},
    "yo": {"dev": 983, "test": 1964},
    "zu": {"dev": 836, "test": 1670},
}

TASK = Task(
    name="masakhaner2",
    format="tagging",
    metric="chunk_f1",
    repo="masakhane/masakhaner2",
    branch="refs/convert/parquet",
    configs=_NAMES,
    splits={"dev": "validation", "test": "test"},
    columns={"tokens": "tokens", "tags": "ner_tags", "id": "id"},
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-DATE", "I-DATE"),
    counted_as={"B-DATE": "O", "I-DATE": "O"},
    roles=("target",),
    category="tagging",
    difficulty=1,
    licence="CC BY-NC 4.0 (non-commercial) by the authors' files; the Hub's card says AFL-3.0",
    source="Adelani et al. 2022, https://github.com/masakhane-io/masakhane-ner",
    rows=_ROWS,
    learns_from=("panx",),
    notes=(
        "PAN-X's head knows no dates, so where it answers, a date counts as no name. The main branch is a loading "
        "script; the rows are those of the branch that the Hub converts, and the counts those of the authors' files. "
        "Train rows are not read: no language is English."
    ),
)
