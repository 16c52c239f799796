"""PAN-X: names of people, organisations and places in Wikipedia, in 40 languages (WikiANN)."""

from adapterstilts.tasks import Split, Task

_TRAIN = {  # by train rows; there are 10,000 dev and as many test rows, but in the languages named below
    20000: "ar bg de el en es fa fi fr he hu id it ja ko ms nl pt ru th tr ur vi zh", 15000: "et ta",
    10000: "bn eu ka ml tl", 5000: "af hi mr", 1000: "kk sw te", 100: "jv my yo",
}  # fmt: skip
_OTHERS = {1000: "af bn hi kk ml mr ms sw ta te tl ur", 100: "jv my yo"}

_TESTS = {language: rows for rows, languages in _OTHERS.items() for language in languages.split()}
_ROWS: dict[str, dict[Split, int]] = {
    language: {"train": train, "dev": _TESTS.get(language, 10000), "test": _TESTS.get(language, 10000)}
    for train, languages in _TRAIN.items()
    for language in languages.split()
}

TASK = Task(
    name="panx",
    format="tagging",
    metric="chunk_f1",
    repo="google/xtreme",
    configs={language: f"PAN-X.{language}" for language in _ROWS},
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"tokens": "tokens", "tags": "ner_tags"},
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    roles=("intermediate", "target"),
    category="tagging",
    difficulty=1,
    licence="not stated; the texts are Wikipedia's (CC BY-SA 3.0)",
    source="Pan et al. 2017, in the splits of Rahimi et al. 2019; XTREME (Hu et al. 2020)",
    rows=_ROWS,
    notes=(
        "The tags were made by links, not by hand. Chinese, Japanese and Thai are cut into characters, so there the "
        "`words` are characters."
    ),
)
