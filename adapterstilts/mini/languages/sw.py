"""Swahili: subject, verb, object; adjectives and numbers follow their noun and take its class; no articles."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, fronted, role_of, table, words

# People all agree in class 1. Things with the class of one (of more: the next), both forms, and what follows
# adjectives and numbers ("big container OF TRANSPORT"), which agrees too.
_NOUNS = """
person = mtu; artist = msanii; worker = mfanyakazi; singer = mwimbaji; painter = mchoraji; dancer = mnenguaji;
drummer = mpiga ngoma; writer = mwandishi; actor = mwigizaji; farmer = mkulima; cook = mpishi; driver = dereva;
baker = mwokaji; tailor = mshonaji; carpenter = seremala; doctor = daktari; nurse = muuguzi; teacher = mwalimu;
student = mwanafunzi; soldier = askari; guest = mgeni; mother = mama; father = baba; child = mtoto;
grandmother = bibi; grandfather = babu; neighbor = jirani;
fruit = 5 / tunda / matunda; apple = 5 / tufaa / matufaa; banana = 9 / ndizi / ndizi;
orange = 5 / chungwa / machungwa; mango = 5 / embe / maembe; pineapple = 5 / nanasi / mananasi;
food = 7 / chakula / vyakula; bread = 3 / mkate / mikate; egg = 5 / yai / mayai; cake = 9 / keki / keki;
onion = 7 / kitunguu / vitunguu; potato = 7 / kiazi / viazi; tool = 9 / zana / zana; hammer = 9 / nyundo / nyundo;
knife = 7 / kisu / visu; axe = 5 / shoka / mashoka; saw = 3 / msumeno / misumeno; hoe = 5 / jembe / majembe;
furniture = 9 / samani / samani; chair = 7 / kiti / viti; table = 9 / meza / meza; bed = 7 / kitanda / vitanda;
cupboard = 5 / kabati / makabati; bench = 5 / benchi / mabenchi; garment = 5 / vazi / mavazi;
shirt = 5 / shati / mashati; hat = 9 / kofia / kofia; shoe = 7 / kiatu / viatu; coat = 5 / koti / makoti;
skirt = 9 / sketi / sketi; vehicle = 7 / chombo / vyombo / cha:ADP usafiri / vya:ADP usafiri;
car = 5 / gari / magari; bicycle = 9 / baiskeli / baiskeli; boat = 9 / mashua / mashua; bus = 5 / basi / mabasi;
truck = 5 / lori / malori; instrument = 9 / ala / ala / ya:ADP muziki / za:ADP muziki; drum = 9 / ngoma / ngoma;
guitar = 5 / gitaa / magitaa; flute = 9 / filimbi / filimbi; trumpet = 5 / tarumbeta / matarumbeta;
piano = 9 / piano / piano; kitchenware = 7 / chombo / vyombo / cha:ADP jikoni / vya:ADP jikoni;
pot = 9 / sufuria / sufuria; plate = 9 / sahani / sahani; cup = 7 / kikombe / vikombe; spoon = 7 / kijiko / vijiko;
bowl = 5 / bakuli / mabakuli
"""
# Third person of class 1 in the present, and its denial, where verbs from Arabic keep their last vowel.
_VERBS = """
buy = ananunua / hanunui; sell = anauza / hauzi; find = anapata / hapati; lose = anapoteza / hapotezi;
repair = anatengeneza / hatengenezi; break = anavunja / havunji; hide = anaficha / hafichi;
show = anaonyesha / haonyeshi; wash = anaosha / haoshi; soil = anachafua / hachafui; push = anasukuma / hasukumi;
pull = anavuta / havuti; lift = anainua / hainui; lower = anashusha / hashushi; send = anatuma / hatumi;
receive = anapokea / hapokei; keep = anahifadhi / hahifadhi; throw = anatupa / hatupi;
heat = anapasha moto:NOUN / hapashi moto:NOUN; cool = anapoza / hapozi; take = anachukua / hachukui;
return = anarudisha / harudishi; accept = anakubali / hakubali; refuse = anakataa / hakatai
"""
# Of people in class 1; of things in the classes 3 to 10, where they change.
_QUALITIES = """
young = kijana:NOUN; old = mzee:NOUN; rich = tajiri; poor = maskini; happy = mwenye furaha:NOUN;
sad = mwenye huzuni:NOUN; clean = safi; expensive = ghali; cheap = rahisi;
big = mkubwa / mikubwa / kubwa / makubwa / kikubwa / vikubwa / kubwa / kubwa;
small = mdogo / midogo / dogo / madogo / kidogo / vidogo / ndogo / ndogo;
dirty = mchafu / michafu / chafu / machafu / kichafu / vichafu / chafu / chafu;
heavy = mzito / mizito / zito / mazito / kizito / vizito / nzito / nzito;
light = mwepesi / myepesi / jepesi / mepesi / chepesi / vyepesi / nyepesi / nyepesi;
red = mwekundu / myekundu / jekundu / mekundu / chekundu / vyekundu / nyekundu / nyekundu;
white = mweupe / myeupe / jeupe / meupe / cheupe / vyeupe / nyeupe / nyeupe
"""
_REST = """
kitchen = jikoni; garden = bustanini; school = shuleni; hospital = hospitalini; office = ofisini;
library = maktabani; house = katika:ADP nyumba; shop = dukani; hotel = hotelini; restaurant = mgahawani;
village = kijijini; city = mjini; morning = asubuhi; evening = jioni; noon = adhuhuri;
midnight = usiku wa:ADP manane; monday = Jumatatu:PROPN; friday = Ijumaa:PROPN; saturday = Jumamosi:PROPN;
sunday = Jumapili:PROPN; Anna = Anna; Maria = Maria; Sara = Sara; Laila = Laila; Ali = Ali; David = Daudi;
Paul = Paulo; Adam = Adamu
"""
_NUMBERS = {"two": {3: "miwili", 5: "mawili", 7: "viwili", 9: "mbili"}}  # by the class of one
_NUMBERS["three"] = {3: "mitatu", 5: "matatu", 7: "vitatu", 9: "tatu"}
_SYNONYMS = """
doctor = tabibu; nurse = nesi; soldier = mwanajeshi; grandmother = nyanya; tailor = fundi cherehani; poor = fukara;
restaurant = mkahawani; repair = anakarabati / hakarabati; show = anaonesha / haoneshi; lift = ananyanyua / hanyanyui;
lower = anateremsha / hateremshi; send = anapeleka / hapeleki; keep = anatunza / hatunzi;
return = anarejesha / harejeshi
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_QUALITIES};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_ORDER: tuple[Role, ...] = ("agent", "action", "thing", "recipient", "place", "time")
_ASKING = {"agent": "nani:PRON", "thing": "nini:PRON", "place": "wapi:ADV", "time": "lini:ADV"}
_LOWEST = 3  # the class of the first form of a quality of things


def _quality(quality: str | None, noun_class: int, role: Role, lexicon: dict[str, list[str]]) -> list[Token]:
    forms = lexicon[quality] if quality else [""]
    return words(forms[noun_class - _LOWEST] if len(forms) > 1 else forms[0], role, "ADJ")


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return noun, adjective, number and what follows them, all in the noun's class."""
    listed, *forms = lexicon[fact.thing]
    noun_class, counted = int(listed), fact.count != "one"
    number = _NUMBERS[fact.count][noun_class] if counted else ""
    return [
        *words(forms[counted], "thing", "NOUN"),
        *_quality(fact.thing_quality, noun_class + counted, "thing", lexicon),
        *words(number, "thing", "NUM"),
        *words(" ".join(forms[2:][counted : counted + 1]), "thing", "NOUN"),
    ]


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    """Return the words of each role."""
    recipient = f"kwa:ADP ajili:NOUN ya:ADP {lexicon[fact.recipient][0]}" if fact.recipient else ""
    quality = lexicon[fact.agent_quality][0] if fact.agent_quality else ""
    return {
        "agent": [*words(lexicon[fact.agent][0], "agent", "NOUN"), *words(quality, "agent", "ADJ")],
        "action": words(lexicon[fact.action][fact.negated], "action", "VERB"),
        "thing": _thing(fact, lexicon),
        "recipient": words(recipient, "recipient", "PROPN"),
        "place": words(lexicon[fact.place][0] if fact.place else "", "place", "NOUN"),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
    }


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    parts = _parts(fact, _OTHER if synonyms else _PLAIN)
    told = [token for role in _ORDER for token in parts[role]]
    told = fronted(told, fact, ",") if order == "fronted" else told
    return [*told, Token(".", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    parts = {**_parts(fact, _PLAIN), asked: words(_ASKING[asked], asked, "PRON")}
    return [*(token for role in _ORDER for token in parts[role]), Token("?", "PUNCT", "")]


def _definition(concept: str) -> list[Token]:
    hypernym = _one(HYPERNYMS[concept])
    return [*words(_one(concept), role_of(concept), "NOUN"), _is(), *words(f"{hypernym} .:PUNCT", "", "NOUN")]


def _property(concept: str, quality: str) -> list[Token]:
    role = role_of(concept)
    noun_class = _LOWEST if role == "agent" else int(_PLAIN[concept][0])
    said = _quality(quality, noun_class, "", _PLAIN)
    return [*words(_one(concept), role, "NOUN"), _is(), *said, Token(".", "PUNCT", "")]


def _one(concept: str) -> str:
    """Return the singular with what follows it: people are listed without a class, things with one."""
    forms = _PLAIN[concept]
    return forms[0] if role_of(concept) == "agent" else " ".join(forms[1:4:2])


def _is() -> Token:
    return Token("ni", "AUX", "action")


LANGUAGE = Language("sw", "Swahili", "Latn", _statement, _question, _definition, _property)
