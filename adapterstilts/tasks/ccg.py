"""CCG: the supertag of every word, a category of combinatory grammar, in the Wall Street Journal. 38,015 sentences."""

from adapterstilts.tasks import Task

TASK = Task(
    name="ccg",
    format="tagging",
    metric="token_accuracy",
    repo="ldc/ccgbank",
    configs={"en": "default"},
    splits={"train": "train", "dev": "validation", "test": "test"},
    columns={"tokens": "tokens", "tags": "tags"},
    open_labels=True,
    roles=("intermediate", "target"),
    category="tagging",
    skill="syntax",
    difficulty=1,
    licence="LDC agreement for LDC2005T13: not to be passed on, non-commercial unless agreed otherwise",
    source="Hockenmaier and Steedman 2007, CCGbank, https://catalog.ldc.upenn.edu/LDC2005T13",
    rows={"en": {"train": 38015, "dev": 5484}},
    licensed="CCGbank 1.1 is LDC2005T13, which the Linguistic Data Consortium gives out: https://catalog.ldc.upenn.edu/LDC2005T13",
    notes=(
        "Sections as in jiant: 00-18 train, 19-21 dev, 22-24 test. The supertags are those of the imported files, in "
        "all of CCGbank 1,363, so a head answers only rows of the same import."
    ),
)
