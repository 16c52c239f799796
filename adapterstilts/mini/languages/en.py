"""English: subject, verb, object, for whom, where, when; questions and denials with "does"."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, fronted, role_of, table, words

_NOUNS = """
person = person / people; artist = artist / artists; worker = worker / workers; singer = singer / singers;
painter = painter / painters; dancer = dancer / dancers; drummer = drummer / drummers; writer = writer / writers;
actor = actor / actors; farmer = farmer / farmers; cook = cook / cooks; driver = driver / drivers;
baker = baker / bakers; tailor = tailor / tailors; carpenter = carpenter / carpenters; doctor = doctor / doctors;
nurse = nurse / nurses; teacher = teacher / teachers; student = student / students; soldier = soldier / soldiers;
guest = guest / guests; mother = mother / mothers; father = father / fathers; child = child / children;
grandmother = grandmother / grandmothers; grandfather = grandfather / grandfathers; neighbor = neighbor / neighbors;
fruit = fruit / fruits; apple = apple / apples; banana = banana / bananas; orange = orange / oranges;
mango = mango / mangoes; pineapple = pineapple / pineapples; food = food item / food items;
bread = loaf of:ADP bread / loaves of:ADP bread; egg = egg / eggs; cake = cake / cakes; onion = onion / onions;
potato = potato / potatoes; tool = tool / tools; hammer = hammer / hammers; knife = knife / knives; axe = axe / axes;
saw = saw / saws; hoe = hoe / hoes; furniture = piece of:ADP furniture / pieces of:ADP furniture;
chair = chair / chairs; table = table / tables; bed = bed / beds; cupboard = cupboard / cupboards;
bench = bench / benches; garment = garment / garments; shirt = shirt / shirts; hat = hat / hats; shoe = shoe / shoes;
coat = coat / coats; skirt = skirt / skirts; vehicle = vehicle / vehicles; car = car / cars;
bicycle = bicycle / bicycles; boat = boat / boats; bus = bus / buses; truck = truck / trucks;
instrument = musical:ADJ instrument / musical:ADJ instruments; drum = drum / drums; guitar = guitar / guitars;
flute = flute / flutes; trumpet = trumpet / trumpets; piano = piano / pianos; pot = pot / pots; plate = plate / plates;
kitchenware = piece of:ADP kitchenware / pieces of:ADP kitchenware; cup = cup / cups; spoon = spoon / spoons;
bowl = bowl / bowls
"""
_VERBS = """
buy = buys / buy; sell = sells / sell; find = finds / find; lose = loses / lose; repair = repairs / repair;
break = breaks / break; hide = hides / hide; show = shows / show; wash = washes / wash; soil = dirties / dirty;
push = pushes / push; pull = pulls / pull; lift = lifts / lift; lower = lowers / lower; send = sends / send;
receive = receives / receive; keep = keeps / keep; throw = throws away:ADP / throw away:ADP; heat = heats / heat;
cool = cools / cool; take = takes / take; return = returns / return; accept = accepts / accept;
refuse = refuses / refuse
"""
_REST = """
young = young; old = old; rich = rich; poor = poor; happy = happy; sad = sad; big = big; small = small; clean = clean;
dirty = dirty; heavy = heavy; light = light; expensive = expensive; cheap = cheap; red = red; white = white;
kitchen = kitchen; garden = garden; school = school; hospital = hospital; office = office; library = library;
house = house; shop = shop; hotel = hotel; restaurant = restaurant; village = village; city = city;
morning = in:ADP the:DET morning; evening = in:ADP the:DET evening; noon = at:ADP noon; midnight = at:ADP midnight;
monday = on:ADP Monday:PROPN; friday = on:ADP Friday:PROPN; saturday = on:ADP Saturday:PROPN;
sunday = on:ADP Sunday:PROPN; two = two; three = three;
Anna = Anna; Maria = Maria; Sara = Sara; Laila = Laila; Ali = Ali; David = David; Paul = Paul; Adam = Adam
"""
_SYNONYMS = """
child = kid / kids; grandmother = grandma / grandmas; grandfather = grandpa / grandpas; bicycle = bike / bikes;
truck = lorry / lorries; cupboard = cabinet / cabinets; shop = store; rich = wealthy; sad = unhappy; big = large;
cheap = inexpensive; buy = purchases / purchase; repair = fixes / fix; hide = conceals / conceal;
show = displays / display; soil = soils / soil; lift = raises / raise; receive = gets / get;
throw = discards / discard; heat = warms / warm; cool = chills / chill; return = gives back:ADP / give back:ADP;
refuse = rejects / reject
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_ORDER: tuple[Role, ...] = ("agent", "action", "thing", "recipient", "place", "time")
_ASKING = {"agent": "who:PRON", "thing": "what:PRON", "place": "where:ADV", "time": "when:ADV"}


def _phrase(role: Role, article: str, quality: str | None, noun: str) -> list[Token]:
    """Return article, adjective if there is one, and noun; "a" becomes "an" before a vowel."""
    described = [*words(quality or "", role, "ADJ"), *words(noun, role, "NOUN")]
    article = "an:DET" if article == "a:DET" and described[0].form[0] in "aeiou" else article
    return [*words(article, role, "NUM"), *described]


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    quality = lexicon[fact.thing_quality][0] if fact.thing_quality else None
    one, more = lexicon[fact.thing]
    if fact.count == "one":
        return _phrase("thing", "a:DET", quality, one)
    return _phrase("thing", fact.count, quality, more)


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    """Return the words of each role, the action as it follows a subject."""
    quality = lexicon[fact.agent_quality][0] if fact.agent_quality else None
    present, base = lexicon[fact.action]
    action = f"does:AUX not:PART {base}" if fact.negated else present
    return {
        "agent": _phrase("agent", "the:DET", quality, lexicon[fact.agent][0]),
        "action": words(action, "action", "VERB"),
        "thing": _thing(fact, lexicon),
        "recipient": words(f"for:ADP {fact.recipient}" if fact.recipient else "", "recipient", "PROPN"),
        "place": words(f"in:ADP the:DET {lexicon[fact.place][0]}" if fact.place else "", "place", "NOUN"),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
    }


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    parts = _parts(fact, _OTHER if synonyms else _PLAIN)
    told = [token for role in _ORDER for token in parts[role]]
    told = fronted(told, fact, ",") if order == "fronted" else told
    return [*told, Token(".", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    parts = _parts(fact, _PLAIN)
    parts[asked] = []
    if asked != "agent":
        helper, *verb = f"does:AUX {'not:PART ' if fact.negated else ''}{_PLAIN[fact.action][1]}".split()
        parts["agent"] = [*words(helper, "action", "AUX"), *parts["agent"]]
        parts["action"] = words(" ".join(verb), "action", "VERB")
    told = [token for role in _ORDER for token in parts[role]]
    return [*words(_ASKING[asked], asked, "PRON"), *told, Token("?", "PUNCT", "")]


def _definition(concept: str) -> list[Token]:
    known = _phrase(role_of(concept), "a:DET", None, _PLAIN[concept][0])
    hypernym = _phrase("", "a:DET", None, _PLAIN[HYPERNYMS[concept]][0])
    return [*known, Token("is", "AUX", "action"), *hypernym, Token(".", "PUNCT", "")]


def _property(concept: str, quality: str) -> list[Token]:
    known = _phrase(role_of(concept), "the:DET", None, _PLAIN[concept][0])
    said = words(_PLAIN[quality][0], "", "ADJ")
    return [*known, Token("is", "AUX", "action"), *said, Token(".", "PUNCT", "")]


LANGUAGE = Language("en", "English", "Latn", _statement, _question, _definition, _property)
