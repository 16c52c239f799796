"""A small grammar: facts (who does what to which thing, where, when, for whom) in English, German and Spanish.

Words 2k and 2k+1 of a list exclude each other, for contradictions and pairs that are no paraphrases. Languages of
some data sets that the grammar does not speak are stood in for by pseudo-languages: English with its vowels
exchanged by a fixed table (`id`: "The man" is "Thi men", `sw`: "Thu mon"). They are no Indonesian and no Swahili.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence

LANGUAGES = ("en", "de", "es")
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
LEXICON = {kind: [entry.split("/") for entry in text.split(";")] for kind, text in _WORDS.items()}
LEXICON["who_is"] = LEXICON["what_is"] = LEXICON["quality"]
_GERMAN = {  # the article, the ending of ein and kein, that of an adjective after the one and after the other
    "nominative": (("der", "die", "das"), ("", "e", ""), ("e", "e", "e"), ("er", "e", "es")),
    "accusative": (("den", "die", "das"), ("en", "e", ""), ("en", "e", "e"), ("en", "e", "es")),
    "dative": (("dem", "der", "dem"), ("em", "er", "em"), ("en", "en", "en"), ("en", "en", "en")),
}
_SPANISH = {"the": ("el", "la"), "a": ("un", "una"), "no": ("ningún", "ninguna")}
QUESTIONS = {"who": "who V O R P W ?", "know": "do you know who V O R P W ?", "whom": "by whom A N D R P W ?"}
_ASKED = {  # after a person, a place, a thing
    "en": {"person": QUESTIONS["who"], "where": "where A N D B R W ?", "thing": "what A D B R P W ?"},
    "de": {"person": "wer V W O R P ?", "where": "wo V S W O R ?", "thing": "was V S W R P ?"},
    "es": {"person": "¿Quién V O R P W ?", "where": "¿Dónde V S O R W ?", "thing": "¿Qué V S R P W ?"},
}
_PIECES = {"agent": "S", "place": "P", "done": "N A D ."}  # less than a sentence, in any language's order
_TOLD = {  # Subject Verb Object Recipient Place When; passive: thiNg Auxiliary By-whom Done; others as they are
    "en": {"plain": "S V O R P W .", "fronted": "P , S V O R W .", "passive": "N A D B R P W .", **QUESTIONS},
    "de": {"plain": "S V W O R P .", "fronted": "P V S W O R .", "passive": "N A W B R P D ."},
    "es": {"plain": "S V O R P W .", "fronted": "P , S V O R W .", "passive": "N A D B R P W ."},
}
_ORDERS = {language: _TOLD[language] | _ASKED[language] | _PIECES for language in LANGUAGES}
_ANSWERS = {"person": "S", "where": "P", "thing": "O"}
_DISGUISES = {  # other vowels, one for one: a text keeps its length, and what was equal stays equal
    "id": str.maketrans("aeiouAEIOU", "eiouaEIOUA"),
    "sw": str.maketrans("aeiouAEIOU", "ouaeiOUAEI"),
}
DISGUISED = tuple(_DISGUISES)

Fact = dict[str, int]  # which word of each list; what is not said is absent (who: someone)
Said = tuple[Fact, str]  # a fact and the order of its words
Tokens = list[tuple[str, str]]


def _word(kind: str, number: int, language: str) -> list[str]:
    return LEXICON[kind][number][LANGUAGES.index(language)].split()


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


def sentence(said: Said, language: str) -> Tokens:
    """Return the words of what is said and their tags, the first one capitalised."""
    parts, order = _parts(said[0], language), _ORDERS[language][said[1]].split()
    (first, tag), *rest = [token for part in order for token in parts.get(part, [(part, "PUNCT")])]
    return [(first[0].upper() + first[1:], tag), *rest]


def text(said: Said, language: str) -> str:
    """Return what is said as one string, in English, German, Spanish or one of the DISGUISED."""
    if language in _DISGUISES:
        return text(said, "en").translate(_DISGUISES[language])
    return _joined(sentence(said, language))


def answer(question: Said, language: str) -> str:
    """Return the noun phrase that answers a question about a fact, in lower case where the language allows it."""
    fact, order = question
    if language in _DISGUISES:
        return answer(question, "en").translate(_DISGUISES[language])
    words = _parts(fact, language)[_ANSWERS[order]]
    return _joined([word for word in words if word[1] != "ADP"])


def _joined(tokens: Tokens) -> str:
    return re.sub(" (?=[,.?])", "", " ".join(word for word, _ in tokens))


def draw(rng: random.Random, parts: Collection[str]) -> Fact:
    """Draw a word for each part of a fact."""
    return {part: rng.randrange(len(LEXICON[part])) for part in parts}


def opposite(rng: random.Random, fact: Fact, parts: Sequence[str]) -> Fact:
    """Return the fact with one of `parts` replaced by the word that excludes it."""
    part = rng.choice(parts)
    return fact | {part: fact[part] ^ 1}
