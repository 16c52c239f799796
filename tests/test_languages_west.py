"""English, German, Spanish, Russian and Chinese: the same sayings, each sentence written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapterstilts.mini.languages import languages
from adapterstilts.mini.world import ACTIONS, Fact, detokenise

BUY = Fact("doctor", "buy", "apple", "young", "red", "Anna", "kitchen", "monday")
SELL = Fact("nurse", "sell", "banana", "rich", "small", place="school", time="evening", count="two")
THROW = Fact("child", "throw", "knife", "happy", "dirty", time="morning")
FIND = Fact("mother", "find", "spoon", thing_quality="white", recipient="Laila", time="saturday", count="three")
LOSE = Fact("father", "lose", "hat", None, "big", place="house", negated=True)
HEAT = Fact("grandmother", "heat", "potato", "old", "cheap", time="friday", negated=True, count="three")
WASH = Fact("cook", "wash", "plate", "sad", "dirty", "Maria", "restaurant", "noon", negated=True)
REPAIR = Fact("driver", "repair", "car", None, "expensive", "Ali", "city", "sunday")
RETURN = Fact("farmer", "return", "axe", None, "heavy", "David", "village")
FIX = Fact("grandmother", "repair", "bicycle", None, "cheap", "Paul", "shop")
PULL = Fact("worker", "pull", "instrument", "poor", "big", count="two")
SAYINGS = {
    "a thing": ("statement", Fact("doctor", "buy", "apple")),
    "all": ("statement", BUY),
    "all, place first": ("statement", BUY, "fronted"),
    "two": ("statement", SELL),
    "two, place first": ("statement", SELL, "fronted"),
    "thrown": ("statement", THROW),
    "thrown, time first": ("statement", THROW, "fronted"),
    "three": ("statement", FIND),
    "not one": ("statement", LOSE),
    "not three": ("statement", HEAT),
    "not one of all": ("statement", WASH),
    "not one, place first": ("statement", WASH, "fronted"),
    "repaired": ("statement", REPAIR),
    "returned": ("statement", RETURN),
    "kept": ("statement", Fact("artist", "keep", "axe", None, "light")),
    "refused": ("statement", Fact("tailor", "refuse", "coat", negated=True)),
    "pushed": ("statement", Fact("neighbor", "push", "bed", None, "heavy", place="hospital", time="midnight")),
    "broken": ("statement", Fact("person", "break", "furniture", negated=True)),
    "two of a group": ("statement", PULL),
    "a loaf": ("statement", Fact("student", "cool", "bread", None, "clean")),
    "two loaves": ("statement", Fact("student", "cool", "bread", None, "clean", count="two")),
    "a vehicle": ("statement", Fact("teacher", "soil", "vehicle", None, "white", count="three")),
    "other words": ("statement", FIX, "plain", True),
    "other words again": ("statement", Fact("farmer", "throw", "potato", "sad", time="midnight"), "plain", True),
    "who": ("question", BUY, "agent"),
    "what": ("question", BUY, "thing"),
    "where": ("question", BUY, "place"),
    "when": ("question", BUY, "time"),
    "who not": ("question", LOSE, "agent"),
    "what not": ("question", LOSE, "thing"),
    "where not": ("question", HEAT, "place"),
    "when not": ("question", WASH, "time"),
    "what returned": ("question", RETURN, "thing"),
    "a fruit": ("definition", "apple"),
    "a food": ("definition", "bread"),
    "a person": ("definition", "mother"),
    "an artist": ("definition", "singer"),
    "a tool": ("definition", "axe"),
    "furniture": ("definition", "chair"),
    "music": ("definition", "drum"),
    "red": ("property", "apple", "red"),
    "happy": ("property", "child", "happy"),
    "clean": ("property", "axe", "clean"),
    "light": ("property", "bed", "light"),
    "expensive": ("property", "instrument", "expensive"),
    "old": ("property", "grandmother", "old"),
}
ENGLISH = """
The doctor buys an apple.
The young doctor buys a red apple for Anna in the kitchen on Monday.
In the kitchen, the young doctor buys a red apple for Anna on Monday.
The rich nurse sells two small bananas in the school in the evening.
In the school, the rich nurse sells two small bananas in the evening.
The happy child throws away a dirty knife in the morning.
In the morning, the happy child throws away a dirty knife.
The mother finds three white spoons for Laila on Saturday.
The father does not lose a big hat in the house.
The old grandmother does not heat three cheap potatoes on Friday.
The sad cook does not wash a dirty plate for Maria in the restaurant at noon.
In the restaurant, the sad cook does not wash a dirty plate for Maria at noon.
The driver repairs an expensive car for Ali in the city on Sunday.
The farmer returns a heavy axe for David in the village.
The artist keeps a light axe.
The tailor does not refuse a coat.
The neighbor pushes a heavy bed in the hospital at midnight.
The person does not break a piece of furniture.
The poor worker pulls two big musical instruments.
The student cools a clean loaf of bread.
The student cools two clean loaves of bread.
The teacher dirties three white vehicles.
The grandma fixes an inexpensive bike for Paul in the store.
The unhappy farmer discards a potato at midnight.
Who buys a red apple for Anna in the kitchen on Monday?
What does the young doctor buy for Anna in the kitchen on Monday?
Where does the young doctor buy a red apple for Anna on Monday?
When does the young doctor buy a red apple for Anna in the kitchen?
Who does not lose a big hat in the house?
What does the father not lose in the house?
Where does the old grandmother not heat three cheap potatoes on Friday?
When does the sad cook not wash a dirty plate for Maria in the restaurant?
What does the farmer return for David in the village?
An apple is a fruit.
A loaf of bread is a food item.
A mother is a person.
A singer is an artist.
An axe is a tool.
A chair is a piece of furniture.
A drum is a musical instrument.
The apple is red.
The child is happy.
The axe is clean.
The bed is light.
The musical instrument is expensive.
The grandmother is old.
"""
GERMAN = """
Der Arzt kauft einen Apfel.
Der junge Arzt kauft am Montag in der Küche einen roten Apfel für Anna.
In der Küche kauft der junge Arzt am Montag einen roten Apfel für Anna.
Die reiche Krankenschwester verkauft abends in der Schule zwei kleine Bananen.
In der Schule verkauft die reiche Krankenschwester abends zwei kleine Bananen.
Das fröhliche Kind wirft morgens ein schmutziges Messer weg.
Morgens wirft das fröhliche Kind ein schmutziges Messer weg.
Die Mutter findet am Samstag drei weiße Löffel für Laila.
Der Vater verliert im Haus keinen großen Hut.
Die alte Großmutter erhitzt am Freitag nicht drei billige Kartoffeln.
Der traurige Koch wäscht mittags im Restaurant keinen schmutzigen Teller für Maria.
Im Restaurant wäscht der traurige Koch mittags keinen schmutzigen Teller für Maria.
Der Fahrer repariert am Sonntag in der Stadt ein teures Auto für Ali.
Der Bauer gibt im Dorf eine schwere Axt für David zurück.
Der Künstler behält eine leichte Axt.
Der Schneider lehnt keinen Mantel ab.
Der Nachbar schiebt um Mitternacht im Krankenhaus ein schweres Bett.
Die Person macht kein Möbelstück kaputt.
Der arme Arbeiter zieht zwei große Musikinstrumente.
Der Schüler kühlt ein sauberes Brot.
Der Schüler kühlt zwei saubere Brote.
Die Lehrerin beschmutzt drei weiße Fahrzeuge.
Die Oma repariert im Geschäft ein preiswertes Rad für Paul.
Der traurige Landwirt entsorgt um Mitternacht eine Kartoffel.
Wer kauft am Montag in der Küche einen roten Apfel für Anna?
Was kauft der junge Arzt am Montag in der Küche für Anna?
Wo kauft der junge Arzt am Montag einen roten Apfel für Anna?
Wann kauft der junge Arzt in der Küche einen roten Apfel für Anna?
Wer verliert im Haus keinen großen Hut?
Was verliert der Vater im Haus nicht?
Wo erhitzt die alte Großmutter am Freitag nicht drei billige Kartoffeln?
Wann wäscht der traurige Koch im Restaurant keinen schmutzigen Teller für Maria?
Was gibt der Bauer im Dorf für David zurück?
Ein Apfel ist eine Frucht.
Ein Brot ist ein Lebensmittel.
Eine Mutter ist eine Person.
Ein Sänger ist ein Künstler.
Eine Axt ist ein Werkzeug.
Ein Stuhl ist ein Möbelstück.
Eine Trommel ist ein Musikinstrument.
Der Apfel ist rot.
Das Kind ist fröhlich.
Die Axt ist sauber.
Das Bett ist leicht.
Das Musikinstrument ist teuer.
Die Großmutter ist alt.
"""
SPANISH = """
El médico compra una manzana.
El médico joven compra una manzana roja para Ana en la cocina el lunes.
En la cocina, el médico joven compra una manzana roja para Ana el lunes.
La enfermera rica vende dos plátanos pequeños en la escuela por la noche.
En la escuela, la enfermera rica vende dos plátanos pequeños por la noche.
El niño feliz tira un cuchillo sucio por la mañana.
Por la mañana, el niño feliz tira un cuchillo sucio.
La madre encuentra tres cucharas blancas para Laila el sábado.
El padre no pierde ningún sombrero grande en la casa.
La abuela vieja no calienta tres patatas baratas el viernes.
El cocinero triste no lava ningún plato sucio para María en el restaurante al mediodía.
En el restaurante, el cocinero triste no lava ningún plato sucio para María al mediodía.
El conductor repara un coche caro para Alí en la ciudad el domingo.
El agricultor devuelve un hacha pesada para David en el pueblo.
El artista guarda un hacha ligera.
El sastre no rechaza ningún abrigo.
El vecino empuja una cama pesada en el hospital a medianoche.
La persona no rompe ningún mueble.
El trabajador pobre arrastra dos instrumentos musicales grandes.
El alumno enfría un pan limpio.
El alumno enfría dos panes limpios.
La maestra ensucia tres vehículos blancos.
La abuela arregla una bici barata para Pablo en la tienda.
El campesino triste desecha una papa a medianoche.
¿Quién compra una manzana roja para Ana en la cocina el lunes?
¿Qué compra el médico joven para Ana en la cocina el lunes?
¿Dónde compra el médico joven una manzana roja para Ana el lunes?
¿Cuándo compra el médico joven una manzana roja para Ana en la cocina?
¿Quién no pierde ningún sombrero grande en la casa?
¿Qué no pierde el padre en la casa?
¿Dónde no calienta la abuela vieja tres patatas baratas el viernes?
¿Cuándo no lava el cocinero triste ningún plato sucio para María en el restaurante?
¿Qué devuelve el agricultor para David en el pueblo?
Una manzana es una fruta.
Un pan es un alimento.
Una madre es una persona.
Un cantante es un artista.
Un hacha es una herramienta.
Una silla es un mueble.
Un tambor es un instrumento musical.
La manzana es roja.
El niño está feliz.
El hacha está limpia.
La cama es ligera.
El instrumento musical es caro.
La abuela es vieja.
"""
RUSSIAN = """
Врач покупает яблоко.
Молодой врач покупает красное яблоко для Анны на кухне в понедельник.
На кухне молодой врач покупает красное яблоко для Анны в понедельник.
Богатая медсестра продаёт два маленьких банана в школе вечером.
В школе богатая медсестра продаёт два маленьких банана вечером.
Весёлый ребёнок выбрасывает грязный нож утром.
Утром весёлый ребёнок выбрасывает грязный нож.
Мать находит три белые ложки для Лейлы в субботу.
Отец не теряет большую шляпу в доме.
Старая бабушка не нагревает три дешёвые картофелины в пятницу.
Грустный повар не моет грязную тарелку для Марии в ресторане в полдень.
В ресторане грустный повар не моет грязную тарелку для Марии в полдень.
Водитель ремонтирует дорогую машину для Али в городе в воскресенье.
Фермер возвращает тяжёлый топор для Давида в деревне.
Деятель искусства хранит лёгкий топор.
Портной не отвергает пальто.
Сосед толкает тяжёлую кровать в больнице в полночь.
Человек не ломает предмет мебели.
Бедный работник тянет два больших музыкальных инструмента.
Ученик охлаждает чистую буханку хлеба.
Ученик охлаждает две чистые буханки хлеба.
Учительница пачкает три белых транспортных средства.
Бабушка чинит дешёвый велосипед для Павла в магазине.
Грустный фермер выкидывает картофелину в полночь.
Кто покупает красное яблоко для Анны на кухне в понедельник?
Что молодой врач покупает для Анны на кухне в понедельник?
Где молодой врач покупает красное яблоко для Анны в понедельник?
Когда молодой врач покупает красное яблоко для Анны на кухне?
Кто не теряет большую шляпу в доме?
Что отец не теряет в доме?
Где старая бабушка не нагревает три дешёвые картофелины в пятницу?
Когда грустный повар не моет грязную тарелку для Марии в ресторане?
Что фермер возвращает для Давида в деревне?
Яблоко — фрукт.
Буханка хлеба — продукт питания.
Мать — человек.
Певец — деятель искусства.
Топор — инструмент.
Стул — предмет мебели.
Барабан — музыкальный инструмент.
Яблоко красное.
Ребёнок весёлый.
Топор чистый.
Кровать лёгкая.
Музыкальный инструмент дорогой.
Бабушка старая.
"""
CHINESE = """
医生买一个苹果。
年轻的医生星期一在厨房里为安娜买一个红的苹果。
在厨房里，年轻的医生星期一为安娜买一个红的苹果。
富有的护士晚上在学校里卖两根小的香蕉。
在学校里，富有的护士晚上卖两根小的香蕉。
快乐的孩子早上扔掉一把脏的刀。
早上，快乐的孩子扔掉一把脏的刀。
母亲星期六为莱拉找到三把白的勺子。
父亲在房子里没有丢失大的帽子。
年老的奶奶星期五不加热三个便宜的土豆。
悲伤的厨师中午在餐馆里不为玛丽亚洗脏的盘子。
在餐馆里，悲伤的厨师中午不为玛丽亚洗脏的盘子。
司机星期日在城市里为阿里修理一辆昂贵的汽车。
农民在村子里为大卫归还一把重的斧头。
这位艺术家保留一把轻的斧头。
裁缝不拒绝大衣。
邻居半夜在医院里推一张重的床。
这个人没有弄坏家具。
这位贫穷的劳动者拉两件大的乐器。
学生冷却一个干净的面包。
学生冷却两个干净的面包。
老师弄脏三个白的交通工具。
奶奶在商店里为保罗修一辆便宜的单车。
难过的农民午夜丢掉一个马铃薯。
谁星期一在厨房里为安娜买一个红的苹果？
年轻的医生星期一在厨房里为安娜买什么？
年轻的医生星期一在哪里为安娜买一个红的苹果？
年轻的医生什么时候在厨房里为安娜买一个红的苹果？
谁在房子里没有丢失大的帽子？
父亲在房子里没有丢失什么？
年老的奶奶星期五在哪里不加热三个便宜的土豆？
悲伤的厨师什么时候在餐馆里不为玛丽亚洗脏的盘子？
农民在村子里为大卫归还什么？
苹果是一种水果。
面包是一种食物。
母亲是人。
歌手是艺术家。
斧头是一种工具。
椅子是一种家具。
鼓是一种乐器。
这个苹果是红的。
这个孩子很快乐。
这把斧头很干净。
这张床很轻。
这件乐器很昂贵。
这位奶奶很老。
"""
WRITTEN = {"en": ENGLISH, "de": GERMAN, "es": SPANISH, "ru": RUSSIAN, "zh": CHINESE}
CASES = [
    pytest.param(code, saying, sentence, id=f"{code}: {name}")
    for code, sentences in WRITTEN.items()
    for (name, saying), sentence in zip(SAYINGS.items(), sentences.strip().splitlines(), strict=True)
]
TOKENS = {  # the tags and roles of BUY, or of WASH, where they tell more
    "en": (
        WASH,
        "the/DET/agent sad/ADJ/agent cook/NOUN/agent does/AUX/action not/PART/action wash/VERB/action a/DET/thing "
        "dirty/ADJ/thing plate/NOUN/thing for/ADP/recipient Maria/PROPN/recipient in/ADP/place the/DET/place "
        "restaurant/NOUN/place at/ADP/time noon/NOUN/time ./PUNCT/",
    ),
    "de": (
        replace(HEAT, action="throw"),
        "die/DET/agent alte/ADJ/agent Großmutter/NOUN/agent wirft/VERB/action am/ADP/time Freitag/NOUN/time "
        "nicht/PART/ drei/NUM/thing billige/ADJ/thing Kartoffeln/NOUN/thing weg/ADP/action ./PUNCT/",
    ),
    "es": (
        WASH,
        "el/DET/agent cocinero/NOUN/agent triste/ADJ/agent no/ADV/action lava/VERB/action ningún/DET/thing "
        "plato/NOUN/thing sucio/ADJ/thing para/ADP/recipient María/PROPN/recipient en/ADP/place el/DET/place "
        "restaurante/NOUN/place al/ADP/time mediodía/NOUN/time ./PUNCT/",
    ),
    "ru": (
        WASH,
        "грустный/ADJ/agent повар/NOUN/agent не/PART/action моет/VERB/action грязную/ADJ/thing тарелку/NOUN/thing "
        "для/ADP/recipient Марии/PROPN/recipient в/ADP/place ресторане/NOUN/place в/ADP/time полдень/NOUN/time "
        "./PUNCT/",
    ),
    "zh": (
        BUY,
        "年轻/ADJ/agent 的/PART/agent 医生/NOUN/agent 星期一/NOUN/time 在/ADP/place 厨房/NOUN/place 里/ADP/place "
        "为/ADP/recipient 安娜/PROPN/recipient 买/VERB/action 一/NUM/thing 个/NOUN/thing 红/ADJ/thing 的/PART/thing "
        "苹果/NOUN/thing 。/PUNCT/",
    ),
}


def said(code, kind, *arguments):
    """Return a saying in a language, as written, and the phrase of each role."""
    language = languages.get(code)
    text, spans = detokenise(language, getattr(language, kind)(*arguments))
    return text, {role: text[start:end] for role, (start, end) in spans.items()}


@pytest.mark.parametrize(("code", "saying", "sentence"), CASES)
def test_a_saying_is_written_as_by_hand(code, saying, sentence):
    assert said(code, *saying)[0] == sentence


@pytest.mark.parametrize("code", TOKENS)
def test_words_have_the_tags_and_roles_of_the_hand_tagged_sentence(code):
    fact, tagged = TOKENS[code]
    assert ["/".join(token) for token in languages.get(code).statement(fact)] == tagged.split()


def test_spans_answer_questions_in_every_language():
    place = {code: said(code, "statement", BUY, "fronted")[1]["place"] for code in WRITTEN}
    kitchen = ("In the kitchen", "In der Küche", "En la cocina", "На кухне", "在厨房里")
    assert place == dict(zip(WRITTEN, kitchen, strict=True))
    thing = {code: said(code, "statement", WASH)[1]["thing"] for code in WRITTEN}
    dirty = ("a dirty plate", "keinen schmutzigen Teller", "ningún plato sucio", "грязную тарелку", "脏的盘子")
    assert thing == dict(zip(WRITTEN, dirty, strict=True))
    assert said("es", "question", BUY, "thing")[1]["thing"] == "Qué"


def test_a_verb_in_pieces_has_no_span():
    assert "action" not in said("de", "statement", RETURN)[1]
    assert said("de", "statement", BUY)[1]["action"] == "kauft"
    assert "action" not in said("en", "question", BUY, "thing")[1]
    assert "action" not in said("zh", "statement", WASH)[1]
    assert said("zh", "statement", LOSE)[1]["action"] == "没有丢失"


@pytest.mark.parametrize("code", WRITTEN)
def test_half_of_the_actions_have_another_verb(code):
    language = languages.get(code)
    facts = [Fact("nurse", action, "mango") for action in ACTIONS]
    others = [fact for fact in facts if language.statement(fact) != language.statement(fact, "plain", True)]
    assert len(ACTIONS) / 2 <= len(others) < len(ACTIONS)  # the nurse and the mango have no other word
