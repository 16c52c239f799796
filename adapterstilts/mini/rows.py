"""Generated rows for demonstrations and tests: the data sets' shape, none of their content, evidence about nothing.

Facts (who does what to which thing, where, when, for whom) are drawn at random and said in English, German or
Spanish by a small grammar. Words 2k and 2k+1 of a list exclude each other, for contradictions and pairs that are no
paraphrases. Labels follow from the two texts compared; denials and recipients alone give some away, as in real data.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from adapterstilts.config.identity import derive_seed
from adapterstilts.errors import UserError
from adapterstilts.store.atomic import new_folder
from adapterstilts.tasks import Task, tasks

_LANGUAGES = ("en", "de", "es")
_WORDS = {  # English/German/Spanish; nouns with gender, verbs with participle
    "who": "doctor/Arzt m/médico m; nurse/Krankenschwester f/enfermera f; man/Mann m/hombre m; woman/Frau f/mujer f;"
    "singer/Sängerin f/cantante f; baker/Bäcker m/panadero m; painter/Maler m/pintor m; teacher/Lehrerin f/maestra f",
    "doing": "buys bought/kauft gekauft/compra comprado; sells sold/verkauft verkauft/vende vendido;"
    "finds found/findet gefunden/encuentra encontrado; loses lost/verliert verloren/pierde perdido;"
    "repairs repaired/repariert repariert/repara reparado; breaks broken/zerbricht zerbrochen/rompe roto;"
    "hides hidden/versteckt versteckt/esconde escondido; shows shown/zeigt gezeigt/muestra mostrado",
    "what": "book/Buch n/libro m; watch/Uhr f/reloj m; box/Kiste f/caja f; lamp/Lampe f/lámpara f; cup/Tasse f/taza f;"
    "hat/Hut m/sombrero m; ring/Ring m/anillo m; bag/Tasche f/bolsa f; table/Tisch m/mesa f; chair/Stuhl m/silla f",
    "quality": "big/groß/grande; small/klein/pequeño; old/alt/viejo; new/neu/nuevo; dirty/schmutzig/sucio;"
    "clean/sauber/limpio; beautiful/schön/hermoso; ugly/hässlich/feo",
    "place": "garden/Garten m/jardín m; kitchen/Küche f/cocina f; school/Schule f/escuela f; museum/Museum n/museo m;"
    "castle/Schloss n/castillo m; office/Büro n/oficina f; village/Dorf n/pueblo m; city/Stadt f/ciudad f",
    "when": "today/heute/hoy; tomorrow/morgen/mañana; often/oft/frecuentemente; rarely/selten/raramente",
    "recipient": "Anna/Anna/Ana; Paul/Paul/Pablo; Maria/Maria/María; Peter/Peter/Pedro",
    "small": "someone/jemand/alguien; for/für/para; in/in/en; by/von/por; is/wird/es",
}
_LEXICON = {kind: [entry.split("/") for entry in text.split(";")] for kind, text in _WORDS.items()}
_LEXICON["who_is"] = _LEXICON["what_is"] = _LEXICON["quality"]
_GERMAN = {  # the article, the ending of ein and kein, that of an adjective after the one and after the other
    "nominative": (("der", "die", "das"), ("", "e", ""), ("e", "e", "e"), ("er", "e", "es")),
    "accusative": (("den", "die", "das"), ("en", "e", ""), ("en", "e", "e"), ("en", "e", "es")),
    "dative": (("dem", "der", "dem"), ("em", "er", "em"), ("en", "en", "en"), ("en", "en", "en")),
}
_SPANISH = {"the": ("el", "la"), "a": ("un", "una"), "no": ("ningún", "ninguna")}
_QUESTIONS = {"who": "who V O R P W ?", "know": "do you know who V O R P W ?", "whom": "by whom A N D R P W ?"}
_ORDERS = {  # Subject Verb Object Recipient Place When; passive: thiNg Auxiliary By-whom Done; others as they are
    "en": {"plain": "S V O R P W .", "fronted": "P , S V O R W .", "passive": "N A D B R P W .", **_QUESTIONS},
    "de": {"plain": "S V W O R P .", "fronted": "P V S W O R .", "passive": "N A W B R P D ."},
    "es": {"plain": "S V O R P W .", "fronted": "P , S V O R W .", "passive": "N A D B R P W ."},
}
_DETAILS = ("who_is", "what_is", "place", "when")
_WITHHELD = {"mnli": ("test_matched", "test_mismatched"), "qqp": ("test",)}  # the Hub's splits without labels

Fact = dict[str, int]  # which word of each list; what is not said is absent (who: someone)
Said = tuple[Fact, str]  # a fact and the order of its words
Row = tuple[tuple[Said, ...], int]  # what is said in one text or two, and the label
Maker = Callable[[random.Random, str], tuple[Said, ...]]
Tokens = list[tuple[str, str]]


def _word(kind: str, number: int, language: str) -> list[str]:
    return _LEXICON[kind][number][_LANGUAGES.index(language)].split()


def _phrase(language: str, kind: str, fact: Fact, article: str, case: str = "nominative") -> Tokens:
    """Return article, adjective if there is one, and noun, in agreement."""
    noun, *gender = _word(kind, fact[kind], language)
    adjective = _word("quality", fact[f"{kind}_is"], language)[0] if f"{kind}_is" in fact else ""
    if language == "en":
        article = "an" if article == "a" and (adjective or noun)[0] in "aeiou" else article
    elif language == "es":
        article = _SPANISH[article][gender == ["f"]]
        adjective = adjective[:-1] + "a" if gender == ["f"] and adjective.endswith("o") else adjective
    else:
        definite, ending, weak, mixed = (forms["mfn".index(gender[0])] for forms in _GERMAN[case])
        adjective += (weak if article == "the" else mixed) if adjective else ""
        article = definite if article == "the" else {"a": "ein", "no": "kein"}[article] + ending
    described = [(adjective, "ADJ"), (noun, "NOUN")] if adjective else [(noun, "NOUN")]
    return [(article, "DET"), *(described[::-1] if language == "es" else described)]


def _parts(fact: Fact, language: str) -> dict[str, Tokens]:
    """Return the words of each letter of an order."""
    present, participle = _word("doing", fact["doing"], language)
    if language == "es" and _word("what", fact["what"], language)[1] == "f":
        participle = participle[:-1] + "a"
    someone, for_, in_, by, is_ = (_word("small", number, language)[0] for number in range(5))
    article = "no" if "denied" in fact else "the"
    recipient, when = (_word(part, fact.get(part, 0), language)[0] for part in ("recipient", "when"))
    return {
        "S": _phrase(language, "who", fact, article) if "who" in fact else [(someone, "PRON")],
        "V": [(present, "VERB")],
        "O": _phrase(language, "what", fact, "a", "accusative"),
        "R": [(for_, "ADP"), (recipient, "PROPN")] if "recipient" in fact else [],
        "P": [(in_, "ADP"), *_phrase(language, "place", fact, "the", "dative")] if "place" in fact else [],
        "W": [(when, "ADV")] if "when" in fact else [],
        "N": _phrase(language, "what", fact, "a"),
        "A": [(is_, "AUX")],
        "B": [(by, "ADP"), *_phrase(language, "who", fact, article, "dative")] if "who" in fact else [],
        "D": [(participle, "VERB")],
    }


def _sentence(said: Said, language: str) -> Tokens:
    parts, order = _parts(said[0], language), _ORDERS[language][said[1]].split()
    (first, tag), *rest = [token for part in order for token in parts.get(part, [(part, "PUNCT")])]
    return [(first[0].upper() + first[1:], tag), *rest]


def _text(said: Said, language: str) -> str:
    return re.sub(" (?=[,.?])", "", " ".join(word for word, _ in _sentence(said, language)))


def _draw(rng: random.Random, parts: Collection[str]) -> Fact:
    return {part: rng.randrange(len(_LEXICON[part])) for part in parts}


def _opposite(rng: random.Random, fact: Fact, parts: Sequence[str]) -> Fact:
    part = rng.choice(parts)
    return fact | {part: fact[part] ^ 1}


def _inference(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw a premise, and a hypothesis that says less (entailment), something new, or the opposite."""
    details = rng.sample(_DETAILS, rng.choice((2, 3))) + ["recipient"] * (rng.random() < 0.15)
    premise = _draw(rng, ("who", "doing", "what", *details))
    kept = rng.sample(details, rng.randrange(len(details)))
    less = {part: premise[part] for part in ("who", "doing", "what", *kept)}
    if label == "entailment" and rng.random() < 0.3:
        less = {part: number for part, number in less.items() if part not in ("who", "who_is")}
    elif label == "neutral":
        less |= _draw(rng, [rng.choice([part for part in (*_DETAILS, "recipient") if part not in details])])
    elif label == "contradiction":
        opposite = _opposite(rng, less, ["doing", *(part for part in kept if part in _DETAILS[:3])])
        less = rng.choice((opposite, less | {"denied": 1}))
    return (premise, "plain"), (less, rng.choice(("plain", "plain", "passive")))


def _paraphrase(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw two sentences of nearly the same words: the same fact in another order, or another fact."""
    parts = ("who", "doing", "what", *_DETAILS[: rng.choice((3, 4))])
    fact = other = _draw(rng, parts)
    if label == "0" and fact["who_is"] != fact["what_is"] and rng.random() < 0.3:
        other = fact | {"who_is": fact["what_is"], "what_is": fact["who_is"]}
    elif label == "0":
        other = _opposite(rng, fact, parts[:6])
    return (fact, "plain"), (other, rng.choice(("fronted", "passive")))


def _question(rng: random.Random, label: str) -> tuple[Said, ...]:
    """Draw two questions in different words, about the same fact or not."""
    parts = ("doing", "what", *rng.sample(("what_is", "place", "when", "recipient"), 2))
    fact = _draw(rng, parts)
    other = fact if label == "duplicate" else _opposite(rng, fact, parts)
    first, second = rng.sample(list(_QUESTIONS), 2)
    return (fact, first), (other, second)


def _statement(rng: random.Random, _: str) -> tuple[Said, ...]:
    agent = ("who", "who_is") if rng.random() < 0.8 else ()
    fact = _draw(rng, (*agent, "doing", "what", "place", *rng.sample((*_DETAILS, "recipient"), 2)))
    return ((fact, rng.choice(("plain", "fronted", "passive"))),)


_MAKERS: dict[str, Maker] = dict.fromkeys(("snli", "mnli", "xnli"), _inference)
_MAKERS |= {"qqp": _question, "pawsx": _paraphrase, "udpos": _statement}


def write_rows(out: Path, *, seed: int = 0, size: int = 400) -> Path:
    """Write a mirror in the Hub's layout with `size` training rows a task and language; return `out`.

    Other splits hold a quarter as many. English, German and Spanish (of udpos, Spanish has a test split only).
    Equal seeds give equal bytes. Raises UserError for a folder that exists.
    """
    if out.exists():
        raise UserError(f"{out} is there already", fix="choose another folder")
    seen: set[frozenset[str]] = set()
    with new_folder(out) as folder:
        for task in map(tasks.get, _MAKERS):
            for split, language, rows in _splits(task, seed, size, seen):
                file = folder / task.repo / task.configs[language] / f"{split}-00000-of-00001.parquet"
                _write_parquet(file, task, _columns(task, language, rows))
        for repository in folder.glob("*/*"):
            (repository / "README.md").write_text(_card(repository), encoding="utf-8")
    return out


def _splits(task: Task, seed: int, size: int, seen: set[frozenset[str]]) -> Iterator[tuple[str, str, list[Row]]]:
    """Yield the Hub's split, the language and the rows; languages share their facts, as translations do."""
    withheld = _WITHHELD.get(task.name, ())
    for split in (*task.splits.values(), *withheld):
        rng = random.Random(derive_seed(seed, task.name, split))
        rows = _fresh_rows(rng, task, size if split == "train" else max(6, size // 4), seen)
        rows = [(said, -1) for said, _ in rows] if split in withheld else rows
        for language in _LANGUAGES:
            if language in task.configs and ((task.name, language) != ("udpos", "es") or split == "test"):
                yield split, language, rows


def _fresh_rows(rng: random.Random, task: Task, size: int, seen: set[frozenset[str]]) -> list[Row]:
    """Draw rows of all labels in equal parts whose texts, as a pair in either order, occur nowhere else."""
    labels = [number % len(task.labels) for number in range(size)]
    rng.shuffle(labels)
    rows: list[Row] = []
    while len(rows) < size:
        label = labels[len(rows)]
        said = _MAKERS[task.name](rng, task.labels[label])
        texts = frozenset(_text(one, "en") for one in said)
        if texts not in seen:
            seen.add(texts)
            unlabelled = task.unlabelled == "drop" and len(rows) % 50 == 49  # 2 %, as in the real data
            rows.append((said, -1 if unlabelled else label))
    return rows


def _columns(task: Task, language: str, rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the rows' columns under the format's field names."""
    if task.format == "tagging":
        sentences = [_sentence(said, language) for (said,), _ in rows]
        tags = [[task.labels.index(tag) for _, tag in tokens] for tokens in sentences]
        return {"tokens": [[word for word, _ in tokens] for tokens in sentences], "tags": tags}
    first, second = ([_text(said[side], language) for said, _ in rows] for side in (0, 1))
    return {"id": list(range(len(rows))), "text_a": first, "text_b": second, "label": [label for _, label in rows]}


def _write_parquet(path: Path, task: Task, columns: dict[str, list[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features, List, Value

    label, text = ClassLabel(names=list(task.labels)), Value("string")
    types = {"id": Value("int32"), "label": label, "tokens": List(text), "tags": List(label)}
    features = Features({column: types.get(field, text) for field, column in task.columns.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {column: columns[field] for field, column in task.columns.items()}
    pq.write_table(pa.Table.from_pydict(values, schema=features.arrow_schema), path)


def _card(repository: Path) -> str:
    lines = ["---", "configs:"]
    for config in sorted(path.name for path in repository.iterdir()):
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in sorted(path.name.split("-")[0] for path in (repository / config).iterdir()):
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*"]
    notice = "Generated by adapterstilts in the shape of the real rows, without their content: evidence about nothing."
    return "\n".join([*lines, "---", "", f"# {repository.name}: generated rows", "", notice, ""])
