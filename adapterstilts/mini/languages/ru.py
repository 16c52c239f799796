"""Russian: no articles and no copula; the object in the accusative, counted in the genitive singular."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, fronted, role_of, table, words

# People: gender, nominative. Things: gender, nominative, accusative, and the form after two and three.
_NOUNS = """
person = m / человек; artist = m / деятель искусства; worker = m / работник; singer = m / певец; painter = m / художник;
dancer = m / танцор; drummer = m / барабанщик; writer = m / писатель; actor = m / актёр; farmer = m / фермер;
cook = m / повар; driver = m / водитель; baker = m / пекарь; tailor = m / портной; carpenter = m / плотник;
doctor = m / врач; nurse = f / медсестра; teacher = f / учительница; student = m / ученик; soldier = m / солдат;
guest = m / гость; mother = f / мать; father = m / отец; child = m / ребёнок; grandmother = f / бабушка;
grandfather = m / дедушка; neighbor = m / сосед;
fruit = m / фрукт / фрукт / фрукта; apple = n / яблоко / яблоко / яблока; banana = m / банан / банан / банана;
orange = m / апельсин / апельсин / апельсина; mango = n / манго / манго / манго;
pineapple = m / ананас / ананас / ананаса; food = m / продукт питания / продукт питания / продукта питания;
bread = f / буханка хлеба / буханку хлеба / буханки хлеба; egg = n / яйцо / яйцо / яйца; cake = m / торт / торт / торта;
onion = f / луковица / луковицу / луковицы; potato = f / картофелина / картофелину / картофелины;
tool = m / инструмент / инструмент / инструмента; hammer = m / молоток / молоток / молотка;
knife = m / нож / нож / ножа; axe = m / топор / топор / топора; saw = f / пила / пилу / пилы;
hoe = f / мотыга / мотыгу / мотыги; furniture = m / предмет мебели / предмет мебели / предмета мебели;
chair = m / стул / стул / стула; table = m / стол / стол / стола; bed = f / кровать / кровать / кровати;
cupboard = m / шкаф / шкаф / шкафа; bench = f / скамейка / скамейку / скамейки;
garment = m / предмет одежды / предмет одежды / предмета одежды; shirt = f / рубашка / рубашку / рубашки;
hat = f / шляпа / шляпу / шляпы; shoe = m / ботинок / ботинок / ботинка; coat = n / пальто / пальто / пальто;
skirt = f / юбка / юбку / юбки;
vehicle = n / транспортное:ADJ средство / транспортное:ADJ средство / транспортных:ADJ средства;
car = f / машина / машину / машины; bicycle = m / велосипед / велосипед / велосипеда; boat = f / лодка / лодку / лодки;
bus = m / автобус / автобус / автобуса; truck = m / грузовик / грузовик / грузовика;
instrument = m / музыкальный:ADJ инструмент / музыкальный:ADJ инструмент / музыкальных:ADJ инструмента;
drum = m / барабан / барабан / барабана; guitar = f / гитара / гитару / гитары; flute = f / флейта / флейту / флейты;
trumpet = f / труба / трубу / трубы; piano = n / пианино / пианино / пианино;
kitchenware = m / предмет посуды / предмет посуды / предмета посуды; pot = f / кастрюля / кастрюлю / кастрюли;
plate = f / тарелка / тарелку / тарелки; cup = f / чашка / чашку / чашки; spoon = f / ложка / ложку / ложки;
bowl = f / миска / миску / миски
"""
_VERBS = """
buy = покупает; sell = продаёт; find = находит; lose = теряет; repair = ремонтирует; break = ломает; hide = прячет;
show = показывает; wash = моет; soil = пачкает; push = толкает; pull = тянет; lift = поднимает; lower = опускает;
send = отправляет; receive = получает; keep = хранит; throw = выбрасывает; heat = нагревает; cool = охлаждает;
take = берёт; return = возвращает; accept = принимает; refuse = отвергает
"""
# Nominative masculine, feminine, neuter; accusative feminine; nominative and genitive plural.
_QUALITIES = """
young = молодой / молодая / молодое / молодую / молодые / молодых;
old = старый / старая / старое / старую / старые / старых;
rich = богатый / богатая / богатое / богатую / богатые / богатых;
poor = бедный / бедная / бедное / бедную / бедные / бедных;
happy = весёлый / весёлая / весёлое / весёлую / весёлые / весёлых;
sad = грустный / грустная / грустное / грустную / грустные / грустных;
big = большой / большая / большое / большую / большие / больших;
small = маленький / маленькая / маленькое / маленькую / маленькие / маленьких;
clean = чистый / чистая / чистое / чистую / чистые / чистых;
dirty = грязный / грязная / грязное / грязную / грязные / грязных;
heavy = тяжёлый / тяжёлая / тяжёлое / тяжёлую / тяжёлые / тяжёлых;
light = лёгкий / лёгкая / лёгкое / лёгкую / лёгкие / лёгких;
expensive = дорогой / дорогая / дорогое / дорогую / дорогие / дорогих;
cheap = дешёвый / дешёвая / дешёвое / дешёвую / дешёвые / дешёвых;
red = красный / красная / красное / красную / красные / красных;
white = белый / белая / белое / белую / белые / белых
"""
# Places and times as they stand in the sentence; after "для", names in the genitive; for "two", "два" and "две".
_REST = """
kitchen = на:ADP кухне; garden = в:ADP саду; school = в:ADP школе; hospital = в:ADP больнице; office = в:ADP офисе;
library = в:ADP библиотеке; house = в:ADP доме; shop = в:ADP магазине; hotel = в:ADP гостинице;
restaurant = в:ADP ресторане; village = в:ADP деревне; city = в:ADP городе;
morning = утром:ADV; evening = вечером:ADV; noon = в:ADP полдень; midnight = в:ADP полночь;
monday = в:ADP понедельник; friday = в:ADP пятницу; saturday = в:ADP субботу; sunday = в:ADP воскресенье;
two = два / две / два; three = три / три / три;
Anna = Анны; Maria = Марии; Sara = Сары; Laila = Лейлы; Ali = Али; David = Давида; Paul = Павла; Adam = Адама
"""
_SYNONYMS = """
doctor = m / доктор; student = m / школьник; mother = f / мама; father = m / папа; driver = m / шофёр;
car = m / автомобиль / автомобиль / автомобиля; hoe = f / тяпка / тяпку / тяпки; hotel = в:ADP отеле;
bench = f / скамья / скамью / скамьи; buy = приобретает; find = обнаруживает; repair = чинит; show = демонстрирует;
pull = тащит; send = посылает; throw = выкидывает; heat = разогревает; cool = остужает; soil = марает;
keep = сохраняет; refuse = отклоняет
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_QUALITIES};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_ORDER: tuple[Role, ...] = ("agent", "action", "thing", "recipient", "place", "time")
_ASKING = {"agent": "кто:PRON", "thing": "что:PRON", "place": "где:ADV", "time": "когда:ADV"}


def _agent(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    gender, noun = lexicon[fact.agent][:2]
    quality = lexicon[fact.agent_quality]["mfn".index(gender)] if fact.agent_quality else ""
    return [*words(quality, "agent", "ADJ"), *words(noun, "agent", "NOUN")]


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return the object in the accusative, or after its number, where the adjective is in the plural."""
    gender, _, one, counted = lexicon[fact.thing]
    several = fact.count != "one"
    number = lexicon[fact.count]["mfn".index(gender)] if several else ""
    quality = ""
    if fact.thing_quality:
        nominative, _, neuter, accusative, plural, genitive = lexicon[fact.thing_quality]
        alone = {"m": nominative, "f": accusative, "n": neuter}[gender]
        quality = (plural if gender == "f" else genitive) if several else alone
    noun = words(counted if several else one, "thing", "NOUN")
    return [*words(number, "thing", "NUM"), *words(quality, "thing", "ADJ"), *noun]


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    verb = lexicon[fact.action][0]
    return {
        "agent": _agent(fact, lexicon),
        "action": words(f"не:PART {verb}" if fact.negated else verb, "action", "VERB"),
        "thing": _thing(fact, lexicon),
        "recipient": words(f"для:ADP {lexicon[fact.recipient][0]}" if fact.recipient else "", "recipient", "PROPN"),
        "place": words(lexicon[fact.place][0] if fact.place else "", "place", "NOUN"),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
    }


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    parts = _parts(fact, _OTHER if synonyms else _PLAIN)
    told = [token for role in _ORDER for token in parts[role]]
    told = fronted(told, fact) if order == "fronted" else told
    return [*told, Token(".", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    parts = {**_parts(fact, _PLAIN), asked: []}
    told = [token for role in _ORDER for token in parts[role]]
    return [*words(_ASKING[asked], asked, "PRON"), *told, Token("?", "PUNCT", "")]


def _definition(concept: str) -> list[Token]:
    known = words(_PLAIN[concept][1], role_of(concept), "NOUN")
    return [*known, *words(f"—:PUNCT {_PLAIN[HYPERNYMS[concept]][1]} .:PUNCT", "", "NOUN")]


def _property(concept: str, quality: str) -> list[Token]:
    gender, noun = _PLAIN[concept][:2]
    said = _PLAIN[quality]["mfn".index(gender)]
    return [*words(noun, role_of(concept), "NOUN"), *words(f"{said} .:PUNCT", "", "ADJ")]


LANGUAGE = Language("ru", "Russian", "Cyrl", _statement, _question, _definition, _property)
