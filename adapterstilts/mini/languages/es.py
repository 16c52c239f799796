"""Spanish: subject, verb, object; adjectives after nouns, in agreement; in questions the subject after the verb."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, fronted, role_of, table, words

# Nouns with gender ("á": feminine, but with the articles "el" and "un") and plural.
_NOUNS = """
person = f / persona; artist = m / artista; worker = m / trabajador; singer = m / cantante; painter = m / pintor;
dancer = m / bailarín; drummer = m / baterista; writer = m / escritor; actor = m / actor; farmer = m / agricultor;
cook = m / cocinero; driver = m / conductor; baker = m / panadero; tailor = m / sastre; carpenter = m / carpintero;
doctor = m / médico; nurse = f / enfermera; teacher = f / maestra; student = m / alumno; soldier = m / soldado;
guest = m / invitado; mother = f / madre; father = m / padre; child = m / niño; grandmother = f / abuela;
grandfather = m / abuelo; neighbor = m / vecino;
fruit = f / fruta / frutas; apple = f / manzana / manzanas; banana = m / plátano / plátanos;
orange = f / naranja / naranjas; mango = m / mango / mangos; pineapple = f / piña / piñas;
food = m / alimento / alimentos; bread = m / pan / panes; egg = m / huevo / huevos; cake = m / pastel / pasteles;
onion = f / cebolla / cebollas; potato = f / patata / patatas; tool = f / herramienta / herramientas;
hammer = m / martillo / martillos; knife = m / cuchillo / cuchillos; axe = á / hacha / hachas;
saw = m / serrucho / serruchos; hoe = f / azada / azadas; furniture = m / mueble / muebles; chair = f / silla / sillas;
table = f / mesa / mesas; bed = f / cama / camas; cupboard = m / armario / armarios; bench = m / banco / bancos;
garment = f / prenda / prendas; shirt = f / camisa / camisas; hat = m / sombrero / sombreros;
shoe = m / zapato / zapatos; coat = m / abrigo / abrigos; skirt = f / falda / faldas;
vehicle = m / vehículo / vehículos; car = m / coche / coches; bicycle = f / bicicleta / bicicletas;
boat = m / barco / barcos; bus = m / autobús / autobuses; truck = m / camión / camiones;
instrument = m / instrumento musical:ADJ / instrumentos musicales:ADJ; drum = m / tambor / tambores;
guitar = f / guitarra / guitarras; flute = f / flauta / flautas; trumpet = f / trompeta / trompetas;
piano = m / piano / pianos; kitchenware = m / utensilio de:ADP cocina / utensilios de:ADP cocina;
pot = f / olla / ollas; plate = m / plato / platos; cup = f / taza / tazas; spoon = f / cuchara / cucharas;
bowl = m / tazón / tazones
"""
_VERBS = """
buy = compra; sell = vende; find = encuentra; lose = pierde; repair = repara; break = rompe; hide = esconde;
show = muestra; wash = lava; soil = ensucia; push = empuja; pull = arrastra; lift = levanta; lower = baja; send = envía;
receive = recibe; keep = guarda; throw = tira; heat = calienta; cool = enfría; take = toma; return = devuelve;
accept = acepta; refuse = rechaza
"""
# Masculine, feminine, and their plurals; the copula of what is a state is "está".
_QUALITIES = """
young = joven / joven / jóvenes / jóvenes; old = viejo / vieja / viejos / viejas; rich = rico / rica / ricos / ricas;
poor = pobre / pobre / pobres / pobres; happy = feliz / feliz / felices / felices;
sad = triste / triste / tristes / tristes; big = grande / grande / grandes / grandes;
small = pequeño / pequeña / pequeños / pequeñas; clean = limpio / limpia / limpios / limpias;
dirty = sucio / sucia / sucios / sucias; heavy = pesado / pesada / pesados / pesadas;
light = ligero / ligera / ligeros / ligeras; expensive = caro / cara / caros / caras;
cheap = barato / barata / baratos / baratas; red = rojo / roja / rojos / rojas;
white = blanco / blanca / blancos / blancas
"""
_STATES = ("happy", "sad", "clean", "dirty")
_REST = """
kitchen = la:DET cocina; garden = el:DET jardín; school = la:DET escuela; hospital = el:DET hospital;
office = la:DET oficina; library = la:DET biblioteca; house = la:DET casa; shop = la:DET tienda; hotel = el:DET hotel;
restaurant = el:DET restaurante; village = el:DET pueblo; city = la:DET ciudad;
morning = por:ADP la:DET mañana; evening = por:ADP la:DET noche; noon = al:ADP mediodía; midnight = a:ADP medianoche;
monday = el:DET lunes; friday = el:DET viernes; saturday = el:DET sábado; sunday = el:DET domingo;
two = dos; three = tres;
Anna = Ana; Maria = María; Sara = Sara; Laila = Laila; Ali = Alí; David = David; Paul = Pablo; Adam = Adán
"""
_SYNONYMS = """
doctor = m / doctor; writer = m / autor; farmer = m / campesino; driver = m / chófer; teacher = f / profesora;
bicycle = f / bici / bicis; cake = f / tarta / tartas; bowl = m / cuenco / cuencos; potato = f / papa / papas;
banana = f / banana / bananas; school = el:DET colegio; village = la:DET aldea;
buy = adquiere; find = halla; repair = arregla; hide = oculta; show = enseña; soil = mancha; lift = alza; send = manda;
keep = conserva; throw = desecha; break = quiebra; refuse = rehúsa
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_QUALITIES};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_THE = {"m": "el", "f": "la", "á": "el"}
_ONE = {"m": "un", "f": "una", "á": "un"}
_NONE = {"m": "ningún", "f": "ninguna", "á": "ningún"}
_ORDER: tuple[Role, ...] = ("agent", "action", "thing", "recipient", "place", "time")
_ASKING_ORDER: tuple[Role, ...] = ("action", "agent", "thing", "recipient", "place", "time")
_ASKING = {"agent": "quién:PRON", "thing": "qué:PRON", "place": "dónde:ADV", "time": "cuándo:ADV"}


def _adjective(forms: list[str], gender: str, role: Role, plural: bool = False) -> list[Token]:
    return [Token(forms[2 * plural + (gender != "m")], "ADJ", role)]


def _agent(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    gender, noun = lexicon[fact.agent][:2]
    quality = _adjective(lexicon[fact.agent_quality], gender, "agent") if fact.agent_quality else []
    return [*words(f"{_THE[gender]}:DET {noun}", "agent", "NOUN"), *quality]


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return the object: "una" or "ninguna" for one, a number for more."""
    gender, one, more = lexicon[fact.thing]
    plural = fact.count != "one"
    quality = _adjective(lexicon[fact.thing_quality], gender, "thing", plural) if fact.thing_quality else []
    article = _NONE[gender] if fact.negated else _ONE[gender]
    first = f"{lexicon[fact.count][0]}:NUM {more}" if plural else f"{article}:DET {one}"
    return [*words(first, "thing", "NOUN"), *quality]


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    verb = lexicon[fact.action][0]
    return {
        "agent": _agent(fact, lexicon),
        "action": words(f"no:ADV {verb}" if fact.negated else verb, "action", "VERB"),
        "thing": _thing(fact, lexicon),
        "recipient": words(f"para:ADP {lexicon[fact.recipient][0]}" if fact.recipient else "", "recipient", "PROPN"),
        "place": words(f"en:ADP {lexicon[fact.place][0]}" if fact.place else "", "place", "NOUN"),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
    }


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    parts = _parts(fact, _OTHER if synonyms else _PLAIN)
    told = [token for role in _ORDER for token in parts[role]]
    told = fronted(told, fact, ",") if order == "fronted" else told
    return [*told, Token(".", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    parts = {**_parts(fact, _PLAIN), asked: []}
    told = [token for role in _ASKING_ORDER for token in parts[role]]
    return [Token("¿", "PUNCT", ""), *words(_ASKING[asked], asked, "PRON"), *told, Token("?", "PUNCT", "")]


def _definition(concept: str) -> list[Token]:
    gender, noun = _PLAIN[concept][:2]
    general, hypernym = _PLAIN[HYPERNYMS[concept]][:2]
    known = words(f"{_ONE[gender]}:DET {noun}", role_of(concept), "NOUN")
    said = words(f"{_ONE[general]}:DET {hypernym} .:PUNCT", "", "NOUN")
    return [*known, Token("es", "AUX", "action"), *said]


def _property(concept: str, quality: str) -> list[Token]:
    gender, noun = _PLAIN[concept][:2]
    known = words(f"{_THE[gender]}:DET {noun}", role_of(concept), "NOUN")
    copula = Token("está" if quality in _STATES else "es", "AUX", "action")
    return [*known, copula, *_adjective(_PLAIN[quality], gender, ""), Token(".", "PUNCT", "")]


LANGUAGE = Language("es", "Spanish", "Latn", _statement, _question, _definition, _property)
