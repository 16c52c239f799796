"""SQuAD 2.0: SQuAD 1.1 and questions that look alike but have no answer in the paragraph. 130,319 for training."""

from adapterstilts.tasks import Task

TASK = Task(
    name="squad_v2",
    format="span",
    metric="squad_v2",
    repo="rajpurkar/squad_v2",
    configs={"en": "squad_v2"},
    splits={"train": "train", "dev": "validation"},
    columns={
        "id": "id",
        "context": "context",
        "question": "question",
        "answer_texts": "answers.text",
        "answer_starts": "answers.answer_start",
    },
    roles=("intermediate", "target"),
    category="QA",
    difficulty=3,
    licence="CC BY-SA 4.0",
    source="Rajpurkar et al. 2018",
    rows={"en": {"train": 130319, "dev": 11873}},
    no_answer=True,
    rows_of=("squad_v1",),
    notes=(
        "A question without an answer has empty lists. No answer is predicted where its score is above the best "
        "span's, without a threshold tuned on dev rows. The test rows are not public."
    ),
)
