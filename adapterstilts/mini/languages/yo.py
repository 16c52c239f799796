"""Yoruba: subject, verb, object without inflection; adjective, number and article follow; question words first."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, fronted, role_of, table, words

_NOUNS = """
person = ènìyàn; artist = oníṣẹ́ ọnà; worker = òṣìṣẹ́; singer = akọrin; painter = ayàwòrán; dancer = oníjó;
drummer = onílù; writer = òǹkọ̀wé; actor = òṣèré; farmer = àgbẹ̀; cook = alásè; driver = awakọ̀; baker = oníbúrẹ́dì;
tailor = aránṣọ; carpenter = gbẹ́nàgbẹ́nà; doctor = dókítà; nurse = nọ́ọ̀sì; teacher = olùkọ́; student = akẹ́kọ̀ọ́;
soldier = ṣọ́jà; guest = àlejò; mother = ìyá; father = bàbá; child = ọmọdé; grandmother = ìyá àgbà;
grandfather = bàbá àgbà; neighbor = aládùúgbò;
fruit = èso; apple = ápù; banana = ọ̀gẹ̀dẹ̀; orange = ọsàn; mango = máńgòrò; pineapple = ọ̀pẹ̀yìnbó; food = oúnjẹ;
bread = búrẹ́dì; egg = ẹyin; cake = àkàrà òyìnbó; onion = àlùbọ́sà; potato = ọ̀dùnkún; tool = irinṣẹ́;
hammer = òòlù; knife = ọ̀bẹ; axe = àáké; saw = ayùn; hoe = ọkọ́; furniture = ohun èlò ilé; chair = àga;
table = tábìlì; bed = ibùsùn; cupboard = kọ́bọ́ọ̀dù; bench = bẹ́ǹṣì; garment = ohun wíwọ̀; shirt = ṣẹ́ẹ̀tì; hat = fìlà;
shoe = bàtà; coat = kóòtù; skirt = síkẹ́ẹ̀tì; vehicle = ohun ìrìnnà; car = ọkọ̀ ayọ́kẹ́lẹ́; bicycle = kẹ̀kẹ́;
boat = ọkọ̀ ojú omi; bus = bọ́ọ̀sì; truck = ọkọ̀ akẹ́rù; instrument = ohun èlò orin; drum = ìlù; guitar = gìtá;
flute = fèrè; trumpet = kàkàkí; piano = dùùrù; kitchenware = ohun èlò ìdáná; pot = ìkòkò; plate = àwo; cup = ife;
spoon = ṣíbí; bowl = abọ́
"""
# The verb around its object ("_"), and without it: low tones rise before an object only.
_VERBS = """
buy = ra _ / rà; sell = ta _ / tà; find = ṣàwárí _ / ṣàwárí; lose = pàdánù _ / pàdánù; repair = tún _ ṣe / tún ṣe;
break = ba _ jẹ́ / bà jẹ́; hide = fi _ pamọ́ / fi pamọ́; show = fi _ hàn / fi hàn; wash = fọ _ / fọ̀;
soil = mú _ dọ̀tí / mú dọ̀tí; push = ti _ / tì; pull = fa _ / fà; lift = gbé _ sókè:ADV / gbé sókè:ADV;
lower = gbé _ sílẹ̀:ADV / gbé sílẹ̀:ADV; send = fi _ ránṣẹ́ / fi ránṣẹ́; receive = gba _ / gbà; keep = tọ́jú _ / tọ́jú;
throw = ju _ nù / jù nù; heat = mú _ gbóná / mú gbóná; cool = mú _ tutù / mú tutù; take = mú _ / mú;
return = dá _ padà / dá padà; accept = tẹ́wọ́ gba _ / tẹ́wọ́ gbà;
refuse = kọ̀ láti:SCONJ gba _ / kọ̀ láti:SCONJ gbà
"""
# After a noun, and as what is said of it.
_QUALITIES = """
young = ọ̀dọ́:NOUN / jẹ́:AUX ọ̀dọ́:NOUN; old = arúgbó:NOUN / jẹ́:AUX arúgbó:NOUN;
rich = olówó:NOUN / jẹ́:AUX olówó:NOUN; poor = tálákà:NOUN / jẹ́:AUX tálákà:NOUN;
happy = aláyọ̀:NOUN / ní ayọ̀:NOUN; sad = oníbànújẹ́:NOUN / ní ìbànújẹ́:NOUN; big = ńlá / tóbi; small = kékeré / kéré;
clean = mímọ́ / mọ́; dirty = dídọ̀tí / dọ̀tí; heavy = wíwúwo / wúwo; light = fífúyẹ́ / fúyẹ́;
expensive = olówó:NOUN gọbọi / wọ́n; cheap = olówó:NOUN pọ́ọ́kú / jẹ́:AUX olówó:NOUN pọ́ọ́kú:ADJ;
red = pupa / pupa; white = funfun / funfun
"""
_REST = """
kitchen = ilé ìdáná; garden = ọgbà; school = ilé ìwé; hospital = ilé ìwòsàn; office = ọ́fíìsì; library = ilé ìkàwé;
house = ilé; shop = ṣọ́ọ̀bù; hotel = ilé ìtura; restaurant = ilé oúnjẹ; village = abúlé; city = ìlú;
morning = àárọ̀; evening = ìrọ̀lẹ́; noon = ọ̀sán gangan:ADV; midnight = ọ̀gànjọ́ òru; monday = ọjọ́ Ajé:PROPN;
friday = ọjọ́ Ẹtì:PROPN; saturday = ọjọ́ Àbámẹ́ta:PROPN; sunday = ọjọ́ Àìkú:PROPN; two = méjì; three = mẹ́ta;
Anna = Ánà; Maria = Màríà; Sara = Sárà; Laila = Láílà; Ali = Àlí; David = Dáfídì; Paul = Pọ́ọ̀lù; Adam = Ádámù
"""
_SYNONYMS = """
doctor = oníṣègùn; teacher = tíṣà; tailor = télọ̀; carpenter = káfíńtà; singer = olórin; soldier = ọmọ ogun;
mother = màmá; car = mọ́tò; piano = píánò; school = ilé ẹ̀kọ́; hotel = hòtẹ́ẹ̀lì; morning = òwúrọ̀;
rich = ọlọ́rọ̀:NOUN / jẹ́:AUX ọlọ́rọ̀:NOUN; find = rí _ / rí; lose = sọ _ nù / sọ nù; keep = pa _ mọ́ / pa mọ́;
throw = da _ nù / dà nù
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_QUALITIES};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_AFTER: tuple[Role, ...] = ("recipient", "place", "time")
_ASKING = {"agent": "ta:PRON", "thing": "kí:PRON", "place": "níbo:ADV", "time": "nígbà:NOUN wo:DET"}


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return noun, adjective, and last a number, "kan" (one, some) or, denied, "kankan" (any)."""
    last = f"{lexicon[fact.count][0]}:NUM" if fact.count != "one" else "kankan:DET" if fact.negated else "kan:DET"
    return _phrase("thing", lexicon[fact.thing][0], fact.thing_quality, last, lexicon)


def _phrase(role: Role, noun: str, quality: str | None, last: str, lexicon: dict[str, list[str]]) -> list[Token]:
    described = words(lexicon[quality][0] if quality else "", role, "ADJ")
    return [*words(noun, role, "NOUN"), *described, *words(last, role, "DET")]


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    """Return the words of each role but the action's."""
    place = f"ní:ADP {lexicon[fact.place][0]} náà:DET" if fact.place else ""
    return {
        "agent": _phrase("agent", lexicon[fact.agent][0], fact.agent_quality, "náà:DET", lexicon),
        "thing": _thing(fact, lexicon),
        "recipient": words(f"fún:ADP {lexicon[fact.recipient][0]}" if fact.recipient else "", "recipient", "PROPN"),
        "place": words(place, "place", "NOUN"),
        "time": words(f"ní:ADP {lexicon[fact.time][0]}" if fact.time else "", "time", "NOUN"),
    }


def _predicate(fact: Fact, lexicon: dict[str, list[str]], thing: list[Token], link: str = "") -> list[Token]:
    """Return what is done around the thing, after "ń" or "kò"; `link` is the "ti" that a place asked for leaves."""
    around, alone = lexicon[fact.action]
    before, _, after = (around if thing else alone).partition("_")
    helpers = f"kò:PART {link}" if fact.negated else f"{link} ń:AUX"
    return [*words(f"{helpers} {before}", "action", "VERB"), *thing, *words(after, "action", "VERB")]


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    lexicon = _OTHER if synonyms else _PLAIN
    parts = _parts(fact, lexicon)
    after = [token for role in _AFTER for token in parts[role]]
    told = [*parts["agent"], *_predicate(fact, lexicon, parts["thing"]), *after]
    told = fronted(told, fact, ",") if order == "fronted" else told
    return [*told, Token(".", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    """Ask with the question word and "ni" first; who is taken up by "ó", unless denied."""
    parts = _parts(fact, _PLAIN)
    parts[asked] = []
    taken_up = words("ó" if asked == "agent" and not fact.negated else "", "", "PRON")
    return [
        *words(_ASKING[asked], asked, "PRON"),
        Token("ni", "PART", ""),
        *taken_up,
        *parts["agent"],
        *_predicate(fact, _PLAIN, parts["thing"], "ti:PART" if asked == "place" else ""),
        *(token for role in _AFTER for token in parts[role]),
        Token("?", "PUNCT", ""),
    ]


def _definition(concept: str) -> list[Token]:
    known = words(_PLAIN[concept][0], role_of(concept), "NOUN")
    hypernym = words(f"{_PLAIN[HYPERNYMS[concept]][0]} .:PUNCT", "", "NOUN")
    return [*known, Token("jẹ́", "AUX", "action"), *hypernym]


def _property(concept: str, quality: str) -> list[Token]:
    """Say it with a verb of its own ("tóbi": be big) or with the copula, which alone is the action."""
    known = words(f"{_PLAIN[concept][0]} náà:DET", role_of(concept), "NOUN")
    said = words(f"{_PLAIN[quality][1]} .:PUNCT", "", "VERB")
    return [*known, *(token._replace(role="action") if token.upos == "AUX" else token for token in said)]


LANGUAGE = Language("yo", "Yoruba", "Latn", _statement, _question, _definition, _property)
