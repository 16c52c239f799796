"""Hindi: the verb last and habitual, agreeing with its subject; question words before it; things are never marked."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, fronted, role_of, table, words

# People with what agrees with them: m, f, or p where respect asks for the plural of men. Things with their plural,
# and some with a phrase that goes before numbers and adjectives ("of furniture a red thing").
_NOUNS = """
person = m / व्यक्ति; artist = m / कलाकार; worker = m / कामगार; singer = m / गायक; painter = m / चित्रकार;
dancer = f / नर्तकी; drummer = m / ढोल वादक; writer = m / लेखक; actor = m / अभिनेता; farmer = m / किसान;
cook = m / रसोइया; driver = m / ड्राइवर; baker = m / नानबाई; tailor = m / दर्जी; carpenter = m / बढ़ई;
doctor = m / डॉक्टर; nurse = f / नर्स; teacher = f / शिक्षिका; student = m / छात्र; soldier = m / सैनिक;
guest = m / मेहमान; mother = f / माँ; father = p / पिता; child = m / बच्चा; grandmother = f / दादी;
grandfather = p / दादा; neighbor = m / पड़ोसी;
fruit = m / फल / फल; apple = m / सेब / सेब; banana = m / केला / केले; orange = m / संतरा / संतरे;
mango = m / आम / आम; pineapple = m / अनानास / अनानास; food = m / खाद्य:ADJ पदार्थ / खाद्य:ADJ पदार्थ;
bread = f / रोटी / रोटियाँ; egg = m / अंडा / अंडे; cake = m / केक / केक; onion = m / प्याज / प्याज;
potato = m / आलू / आलू; tool = m / औजार / औजार; hammer = m / हथौड़ा / हथौड़े; knife = m / चाकू / चाकू;
axe = f / कुल्हाड़ी / कुल्हाड़ियाँ; saw = f / आरी / आरियाँ; hoe = f / कुदाल / कुदालें;
furniture = f / चीज / चीजें / फर्नीचर की:ADP; chair = f / कुर्सी / कुर्सियाँ; table = f / मेज / मेजें;
bed = m / पलंग / पलंग; cupboard = f / अलमारी / अलमारियाँ; bench = f / बेंच / बेंचें;
garment = f / चीज / चीजें / पहनने:VERB की:ADP; shirt = f / कमीज / कमीजें; hat = f / टोपी / टोपियाँ;
shoe = m / जूता / जूते; coat = m / कोट / कोट; skirt = f / स्कर्ट / स्कर्टें;
vehicle = m / वाहन / वाहन; car = f / कार / कारें; bicycle = f / साइकिल / साइकिलें; boat = f / नाव / नावें;
bus = f / बस / बसें; truck = m / ट्रक / ट्रक; instrument = m / वाद्ययंत्र / वाद्ययंत्र; drum = m / ढोल / ढोल;
guitar = m / गिटार / गिटार; flute = f / बाँसुरी / बाँसुरियाँ; trumpet = f / तुरही / तुरहियाँ;
piano = m / पियानो / पियानो; kitchenware = m / बर्तन / बर्तन; pot = m / पतीला / पतीले; plate = f / प्लेट / प्लेटें;
cup = m / प्याला / प्याले; spoon = m / चम्मच / चम्मच; bowl = m / कटोरा / कटोरे
"""
# Stems of the habitual participle; "*" is where an adjective's ending goes.
_VERBS = """
buy = खरीद; sell = बेच; find = पा; lose = खो; repair = ठीक:ADJ कर; break = तोड़; hide = छिपा; show = दिखा; wash = धो;
soil = गंद*:ADJ कर; push = धकेल; pull = खींच; lift = उठा; lower = नीचे:ADV रख; send = भेज; receive = प्राप्त:ADJ कर;
keep = अपने:PRON पास:ADP रख; throw = फेंक; heat = गरम:ADJ कर; cool = ठंड*:ADJ कर; take = ले; return = वापस:ADV कर;
accept = स्वीकार:NOUN कर; refuse = अस्वीकार:NOUN कर
"""
_REST = """
young = जवान; old = बूढ़*; rich = अमीर; poor = गरीब; happy = खुश; sad = दुखी; big = बड़*; small = छोट*; clean = साफ;
dirty = गंद*; heavy = भारी; light = हल्क*; expensive = महँग*; cheap = सस्त*; red = लाल; white = सफेद;
kitchen = रसोई; garden = बगीचे; school = स्कूल; hospital = अस्पताल; office = दफ्तर; library = पुस्तकालय; house = घर;
shop = दुकान; hotel = होटल; restaurant = रेस्तराँ; village = गाँव; city = शहर;
morning = सुबह; evening = शाम को:ADP; noon = दोपहर को:ADP; midnight = आधी:ADJ रात को:ADP; monday = सोमवार को:ADP;
friday = शुक्रवार को:ADP; saturday = शनिवार को:ADP; sunday = रविवार को:ADP; two = दो; three = तीन;
Anna = अन्ना; Maria = मारिया; Sara = सारा; Laila = लैला; Ali = अली; David = डेविड; Paul = पॉल; Adam = एडम
"""
_SYNONYMS = """
doctor = m / चिकित्सक; teacher = f / अध्यापिका; student = m / विद्यार्थी; guest = m / अतिथि; driver = m / चालक;
worker = m / श्रमिक; soldier = m / फौजी; mother = f / माता; tool = m / उपकरण / उपकरण; boat = f / नौका / नौकाएँ;
cup = m / कप / कप; bed = f / चारपाई / चारपाइयाँ; young = युवा; rich = धनी; poor = निर्धन; sad = उदास; clean = स्वच्छ;
dirty = मैल*; school = विद्यालय; office = कार्यालय; sunday = इतवार को:ADP; repair = सुधार; hide = छुपा;
soil = मैल*:ADJ कर; push = ठेल; return = लौटा; accept = कबूल:ADJ कर; refuse = ठुकरा
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_VOWELS = {"m": "ा", "f": "ी", "p": "े"}  # of adjectives and participles
_IS = {"m": "है", "f": "है", "p": "हैं"}
_ORDER: tuple[Role, ...] = ("agent", "time", "place", "recipient", "thing", "action")
_ASKING = {"agent": "कौन:PRON", "thing": "क्या:PRON", "place": "कहाँ:ADV", "time": "कब:ADV"}


def _described(quality: str | None, agreement: str, role: Role, lexicon: dict[str, list[str]]) -> list[Token]:
    form = lexicon[quality][0] if quality else ""
    return words(form.replace("*", _VOWELS[agreement]), role, "ADJ")


def _agreement(fact: Fact, lexicon: dict[str, list[str]]) -> str:
    """Return what agrees with the thing: "p" where masculine ones are counted."""
    gender = lexicon[fact.thing][0]
    return "p" if gender == "m" and fact.count != "one" else gender


def _thing(fact: Fact, lexicon: dict[str, list[str]], first: str) -> list[Token]:
    """Return the object, unmarked for case; `first` is "one", "any" or nothing, where it is not a number."""
    one, more, *before = lexicon[fact.thing][1:]
    counted = fact.count != "one"
    return [
        *words(" ".join(before), "thing", "NOUN"),
        *words(lexicon[fact.count][0] if counted else first, "thing", "NUM"),
        *_described(fact.thing_quality, _agreement(fact, lexicon), "thing", lexicon),
        *words(more if counted else one, "thing", "NOUN"),
    ]


def _action(fact: Fact, lexicon: dict[str, list[str]], subject: str, thing: str) -> list[Token]:
    """Return the verb group agreeing with the subject, its adjective with the thing; "नहीं" replaces "है"."""
    *before, stem = lexicon[fact.action][0].replace("*", _VOWELS[thing]).split()
    participle = f"{stem}त{_VOWELS[subject]}"
    said = f"नहीं:PART {participle}" if fact.negated else f"{participle} {_IS[subject]}:AUX"
    return words(" ".join([*before, said]), "action", "VERB")


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    """Return the words of each role."""
    agreement, agent = lexicon[fact.agent]
    recipient = f"{lexicon[fact.recipient][0]} के:ADP लिए:ADP" if fact.recipient else ""
    quality = _described(fact.agent_quality, agreement, "agent", lexicon)
    return {
        "agent": [*quality, *words(agent, "agent", "NOUN")],
        "action": _action(fact, lexicon, agreement, _agreement(fact, lexicon)),
        "thing": _thing(fact, lexicon, "कोई:DET" if fact.negated else "एक"),
        "recipient": words(recipient, "recipient", "PROPN"),
        "place": words(f"{lexicon[fact.place][0]} में:ADP" if fact.place else "", "place", "NOUN"),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
    }


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    parts = _parts(fact, _OTHER if synonyms else _PLAIN)
    told = [token for role in _ORDER for token in parts[role]]
    told = fronted(told, fact) if order == "fronted" else told
    return [*told, Token("।", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    """Ask right before the verb group; who and what are masculine, and a denied thing is bare."""
    parts = _parts(fact, _PLAIN)
    parts["thing"] = _thing(fact, _PLAIN, "" if fact.negated else "एक")
    subject = "m" if asked == "agent" else _PLAIN[fact.agent][0]
    action = _action(fact, _PLAIN, subject, "m" if asked == "thing" else _agreement(fact, _PLAIN))
    told = [token for role in _ORDER[:-1] if role != asked for token in parts[role]]
    return [*told, *words(_ASKING[asked], asked, "PRON"), *action, Token("?", "PUNCT", "")]


def _definition(concept: str) -> list[Token]:
    hypernym = _PLAIN[HYPERNYMS[concept]]
    before = " ".join(hypernym[3:])
    return [
        *_known(concept),
        *words(before, "", "NOUN"),
        *words(f"एक:NUM {hypernym[1]}", "", "NOUN"),
        Token(_IS[_PLAIN[concept][0]], "AUX", "action"),
        Token("।", "PUNCT", ""),
    ]


def _property(concept: str, quality: str) -> list[Token]:
    agreement = _PLAIN[concept][0]
    said = _described(quality, agreement, "", _PLAIN)
    return [*_known(concept), *said, Token(_IS[agreement], "AUX", "action"), Token("।", "PUNCT", "")]


def _known(concept: str) -> list[Token]:
    noun, before = _PLAIN[concept][1], " ".join(_PLAIN[concept][3:])
    return words(f"{before} {noun}", role_of(concept), "NOUN")


LANGUAGE = Language("hi", "Hindi", "Deva", _statement, _question, _definition, _property)
