"""MasakhaPOS: universal part-of-speech tags in the news of twenty African languages."""

from adapterstilts.tasks import Task
from adapterstilts.tasks._upos import UPOS

_NAMES = {
    "bbj": "bbj", "bm": "bam", "ee": "ewe", "fon": "fon", "ha": "hau", "ig": "ibo", "lg": "lug", "luo": "luo",
    "mos": "mos", "ny": "nya", "pcm": "pcm", "rw": "kin", "sn": "sna", "sw": "swa", "tn": "tsn", "tw": "twi",
    "wo": "wol", "xh": "xho", "yo": "yor", "zu": "zul",
}  # fmt: skip

TASK = Task(
    name="masakhapos",
    format="tagging",
    metric="chunk_f1",
    repo="masakhane/masakhapos",
    branch="refs/convert/parquet",
    configs=_NAMES,
    splits={"dev": "validation", "test": "test"},
    columns={"tokens": "tokens", "tags": "upos"},
    labels=UPOS,
    roles=("target",),
    category="tagging",
    skill="syntax",
    difficulty=1,
    licence="CC BY-NC 4.0 (non-commercial)",
    source="Dione et al. 2023, https://github.com/masakhane-io/masakhane-pos",
    rows={"bm": {"dev": 154, "test": 619}, "yo": {"dev": 178, "test": 713}},
    learns_from=("udpos", "udpos_ud"),
    notes=(
        "The main branch is a loading script. Whether the Hub has converted it was not seen; the authors' files of a "
        "token and a tag a line can be read as a task of your own (adapterstilts tasks init). Only two languages' "
        "counts are known, about 150 dev and 600 test rows each. Train rows are not read: no language is English."
    ),
)
