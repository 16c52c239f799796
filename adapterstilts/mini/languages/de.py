"""German: the finite verb second, what belongs to it last; when and where before what; "kein" denies one thing."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, role_of, table, words

# Nouns with gender and plural: things in the accusative, which for all of them is spelled as the nominative.
_NOUNS = """
person = f / Person; artist = m / Künstler; worker = m / Arbeiter; singer = m / Sänger; painter = m / Maler;
dancer = m / Tänzer; drummer = m / Trommler; writer = m / Schriftsteller; actor = m / Schauspieler; farmer = m / Bauer;
cook = m / Koch; driver = m / Fahrer; baker = m / Bäcker; tailor = m / Schneider; carpenter = m / Tischler;
doctor = m / Arzt; nurse = f / Krankenschwester; teacher = f / Lehrerin; student = m / Schüler; soldier = m / Soldat;
guest = m / Gast; mother = f / Mutter; father = m / Vater; child = n / Kind; grandmother = f / Großmutter;
grandfather = m / Großvater; neighbor = m / Nachbar;
fruit = f / Frucht / Früchte; apple = m / Apfel / Äpfel; banana = f / Banane / Bananen;
orange = f / Orange / Orangen; mango = f / Mango / Mangos; pineapple = f / Ananas / Ananas;
food = n / Lebensmittel / Lebensmittel; bread = n / Brot / Brote; egg = n / Ei / Eier; cake = m / Kuchen / Kuchen;
onion = f / Zwiebel / Zwiebeln; potato = f / Kartoffel / Kartoffeln; tool = n / Werkzeug / Werkzeuge;
hammer = m / Hammer / Hämmer; knife = n / Messer / Messer; axe = f / Axt / Äxte; saw = f / Säge / Sägen;
hoe = f / Hacke / Hacken; furniture = n / Möbelstück / Möbelstücke; chair = m / Stuhl / Stühle;
table = m / Tisch / Tische; bed = n / Bett / Betten; cupboard = m / Schrank / Schränke; bench = f / Bank / Bänke;
garment = n / Kleidungsstück / Kleidungsstücke; shirt = n / Hemd / Hemden; hat = m / Hut / Hüte;
shoe = m / Schuh / Schuhe; coat = m / Mantel / Mäntel; skirt = m / Rock / Röcke;
vehicle = n / Fahrzeug / Fahrzeuge; car = n / Auto / Autos; bicycle = n / Fahrrad / Fahrräder;
boat = n / Boot / Boote; bus = m / Bus / Busse; truck = m / Lastwagen / Lastwagen;
instrument = n / Musikinstrument / Musikinstrumente; drum = f / Trommel / Trommeln; guitar = f / Gitarre / Gitarren;
flute = f / Flöte / Flöten; trumpet = f / Trompete / Trompeten; piano = n / Klavier / Klaviere;
kitchenware = n / Küchenutensil / Küchenutensilien; pot = m / Topf / Töpfe; plate = m / Teller / Teller;
cup = f / Tasse / Tassen; spoon = m / Löffel / Löffel; bowl = f / Schüssel / Schüsseln
"""
_VERBS = """
buy = kauft; sell = verkauft; find = findet; lose = verliert; repair = repariert; break = macht / kaputt:ADJ;
hide = versteckt; show = zeigt; wash = wäscht; soil = beschmutzt; push = schiebt; pull = zieht; lift = hebt / hoch;
lower = setzt / ab; send = schickt; receive = bekommt; keep = behält; throw = wirft / weg; heat = erhitzt;
cool = kühlt; take = nimmt; return = gibt / zurück; accept = akzeptiert; refuse = lehnt / ab
"""
_QUALITIES = """
young = jung; old = alt; rich = reich; poor = arm; happy = fröhlich; sad = traurig; big = groß; small = klein;
clean = sauber; dirty = schmutzig; heavy = schwer; light = leicht; expensive = teuer / teur; cheap = billig;
red = rot; white = weiß
"""
_REST = """
kitchen = in:ADP der:DET Küche; garden = im:ADP Garten; school = in:ADP der:DET Schule; hospital = im:ADP Krankenhaus;
office = im:ADP Büro; library = in:ADP der:DET Bibliothek; house = im:ADP Haus; shop = im:ADP Laden;
hotel = im:ADP Hotel; restaurant = im:ADP Restaurant; village = im:ADP Dorf; city = in:ADP der:DET Stadt;
morning = morgens:ADV; evening = abends:ADV; noon = mittags:ADV; midnight = um:ADP Mitternacht;
monday = am:ADP Montag; friday = am:ADP Freitag; saturday = am:ADP Samstag; sunday = am:ADP Sonntag;
two = zwei; three = drei
"""
_SYNONYMS = """
writer = m / Autor; farmer = m / Landwirt; grandmother = f / Oma; grandfather = m / Opa;
orange = f / Apfelsine / Apfelsinen; bicycle = n / Rad / Räder; car = m / Wagen / Wagen; truck = m / Laster / Laster;
rich = wohlhabend; dirty = dreckig; cheap = preiswert; library = in:ADP der:DET Bücherei; shop = im:ADP Geschäft;
saturday = am:ADP Sonnabend; buy = erwirbt; sell = veräußert; cool = kühlt / ab;
keep = bewahrt / auf; hide = verbirgt; soil = verschmutzt; send = sendet; receive = erhält;
throw = entsorgt; heat = erwärmt; accept = nimmt / an; refuse = weist / zurück
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_QUALITIES};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_THE = {"m": "der", "f": "die", "n": "das"}
_ONE = {"m": "ein", "f": "eine", "n": "ein"}  # nominative
_ANY = {"m": ("einen", "en"), "f": ("eine", "e"), "n": ("ein", "es")}  # accusative, and the adjective after it
_ASKING = {"agent": "wer:PRON", "thing": "was:PRON", "place": "wo:ADV", "time": "wann:ADV"}
_FIELD: tuple[Role, ...] = ("time", "place", "", "thing", "recipient")  # after subject and verb; "" is "nicht"


def _inflected(adjective: list[str], ending: str, role: Role) -> list[Token]:
    """Return the adjective with an ending, on the second stem where one is listed ("teuer", "teur-")."""
    return [Token(adjective[-1] + ending, "ADJ", role)]


def _agent(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    gender, noun = lexicon[fact.agent][:2]
    quality = _inflected(lexicon[fact.agent_quality], "e", "agent") if fact.agent_quality else []
    return [Token(_THE[gender], "DET", "agent"), *quality, Token(noun, "NOUN", "agent")]


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return the object: "einen" or "keinen" for one, a number for more."""
    gender, one, more = lexicon[fact.thing]
    article, ending = _ANY[gender]
    if fact.count == "one":
        first = Token("k" + article if fact.negated else article, "DET", "thing")
    else:
        first, ending = Token(lexicon[fact.count][0], "NUM", "thing"), "e"
    quality = _inflected(lexicon[fact.thing_quality], ending, "thing") if fact.thing_quality else []
    return [first, *quality, Token(one if fact.count == "one" else more, "NOUN", "thing")]


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    """Return the words of each role but the action's, and "nicht" where "kein" does not deny it."""
    denied = fact.negated and fact.count != "one"
    return {
        "agent": _agent(fact, lexicon),
        "thing": _thing(fact, lexicon),
        "recipient": words(f"für:ADP {fact.recipient}" if fact.recipient else "", "recipient", "PROPN"),
        "place": words(lexicon[fact.place][0] if fact.place else "", "place", "NOUN"),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
        "": [Token("nicht", "PART", "")] if denied else [],
    }


def _clause(front: Role, parts: dict[Role, list[Token]], verb: list[str], end: str) -> list[Token]:
    """Return the main clause with `front` before the finite verb and the subject next to it."""
    finite, *rest = verb
    field: tuple[Role, ...] = ("agent", *_FIELD)
    return [
        *parts[front],
        Token(finite, "VERB", "action"),
        *(token for role in field if role != front for token in parts[role]),
        *words(" ".join(rest), "action", "ADP"),
        Token(end, "PUNCT", ""),
    ]


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    lexicon = _OTHER if synonyms else _PLAIN
    parts = _parts(fact, lexicon)
    front: Role = "place" if fact.place else "time"
    return _clause(front if order == "fronted" and parts[front] else "agent", parts, lexicon[fact.action], ".")


def _question(fact: Fact, asked: Role) -> list[Token]:
    parts = _parts(fact, _PLAIN)
    if asked == "thing" and fact.negated:
        parts[""] = [Token("nicht", "PART", "")]
    parts[asked] = words(_ASKING[asked], asked, "PRON")
    return _clause(asked, parts, _PLAIN[fact.action], "?")


def _definition(concept: str) -> list[Token]:
    gender, noun = _PLAIN[concept][:2]
    general, hypernym = _PLAIN[HYPERNYMS[concept]][:2]
    known = words(f"{_ONE[gender]}:DET {noun}", role_of(concept), "NOUN")
    return [*known, *_is(), *words(f"{_ONE[general]}:DET {hypernym} .:PUNCT", "", "NOUN")]


def _property(concept: str, quality: str) -> list[Token]:
    gender, noun = _PLAIN[concept][:2]
    known = words(f"{_THE[gender]}:DET {noun}", role_of(concept), "NOUN")
    return [*known, *_is(), *words(f"{_PLAIN[quality][0]} .:PUNCT", "", "ADJ")]


def _is() -> list[Token]:
    return [Token("ist", "AUX", "action")]


LANGUAGE = Language("de", "German", "Latn", _statement, _question, _definition, _property)
