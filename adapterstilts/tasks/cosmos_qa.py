"""CosmosQA: what is likely true of a short story, though it does not say so? Four answers, 25,262 training rows."""

from adapterstilts.tasks import Task

TASK = Task(
    name="cosmos_qa",
    format="multiple_choice",
    metric="accuracy",
    repo="Samsoup/cosmos_qa",
    configs={"en": "default"},
    splits={"train": "train", "dev": "validation"},
    columns={
        "context": "context",
        "question": "question",
        "choice_0": "answer0",
        "choice_1": "answer1",
        "choice_2": "answer2",
        "choice_3": "answer3",
        "label": "label",
        "id": "id",
    },
    labels=("0", "1", "2", "3"),
    roles=("intermediate", "target"),
    category="commonsense",
    difficulty=3,
    licence="CC BY 4.0",
    source="Huang et al. 2019, https://wilburone.github.io/cosmos/",
    rows={"en": {"train": 25262, "dev": 2985}},
    notes=(
        "The authors' own repository allenai/cosmos_qa is a loading script, which current versions of datasets "
        "refuse, so the rows are read from somebody else's Parquet copy of it. That the copy holds the same rows was "
        "not verified; their numbers agree. The authors' files are data/train.csv and data/valid.csv of "
        "https://github.com/wilburOne/cosmosqa. The public test rows have no gold labels."
    ),
)
