"""Turkish: the verb last, question words in place, no plural after a number, -(y)I on objects that are singled out."""

from __future__ import annotations

from adapterstilts.mini.world import HYPERNYMS, Fact, Language, Order, Role, Token, fronted, role_of, table, words

# Things with their accusative.
_NOUNS = """
person = kişi; artist = sanatçı; worker = işçi; singer = şarkıcı; painter = ressam; dancer = dansçı;
drummer = davulcu; writer = yazar; actor = oyuncu; farmer = çiftçi; cook = aşçı; driver = şoför; baker = fırıncı;
tailor = terzi; carpenter = marangoz; doctor = doktor; nurse = hemşire; teacher = öğretmen; student = öğrenci;
soldier = asker; guest = misafir; mother = anne; father = baba; child = çocuk; grandmother = büyükanne;
grandfather = büyükbaba; neighbor = komşu;
fruit = meyve / meyveyi; apple = elma / elmayı; banana = muz / muzu; orange = portakal / portakalı;
mango = mango / mangoyu; pineapple = ananas / ananası; food = yiyecek / yiyeceği; bread = ekmek / ekmeği;
egg = yumurta / yumurtayı; cake = kek / keki; onion = soğan / soğanı; potato = patates / patatesi;
tool = alet / aleti; hammer = çekiç / çekici; knife = bıçak / bıçağı; axe = balta / baltayı;
saw = testere / testereyi; hoe = çapa / çapayı; furniture = mobilya / mobilyayı; chair = sandalye / sandalyeyi;
table = masa / masayı; bed = yatak / yatağı; cupboard = dolap / dolabı; bench = bank / bankı;
garment = giyecek / giyeceği; shirt = gömlek / gömleği; hat = şapka / şapkayı; shoe = ayakkabı / ayakkabıyı;
coat = palto / paltoyu; skirt = etek / eteği; vehicle = taşıt / taşıtı; car = araba / arabayı;
bicycle = bisiklet / bisikleti; boat = tekne / tekneyi; bus = otobüs / otobüsü; truck = kamyon / kamyonu;
instrument = çalgı / çalgıyı; drum = davul / davulu; guitar = gitar / gitarı; flute = flüt / flütü;
trumpet = trompet / trompeti; piano = piyano / piyanoyu; kitchenware = mutfak eşyası / mutfak eşyasını;
pot = tencere / tencereyi; plate = tabak / tabağı; cup = fincan / fincanı; spoon = kaşık / kaşığı;
bowl = kâse / kâseyi
"""
_HYPERNYMS = """
person = kişidir; artist = sanatçıdır; worker = işçidir; fruit = meyvedir; food = yiyecektir; tool = alettir;
furniture = mobilyadır; garment = giyecektir; vehicle = taşıttır; instrument = çalgıdır;
kitchenware = mutfak eşyasıdır
"""
# Present and its denial; "ACC" marks what is done to one that is singled out.
_VERBS = """
buy = satın:ADV alıyor / satın:ADV almıyor; sell = satıyor / satmıyor; find = buluyor / bulmuyor;
lose = kaybediyor / kaybetmiyor; repair = onarıyor / onarmıyor; break = bozuyor / bozmuyor / ACC;
hide = gizliyor / gizlemiyor / ACC; show = gösteriyor / göstermiyor; wash = yıkıyor / yıkamıyor;
soil = kirletiyor / kirletmiyor / ACC; push = itiyor / itmiyor / ACC; pull = çekiyor / çekmiyor / ACC;
lift = kaldırıyor / kaldırmıyor / ACC; lower = indiriyor / indirmiyor / ACC; send = gönderiyor / göndermiyor;
receive = teslim:NOUN alıyor / teslim:NOUN almıyor; keep = saklıyor / saklamıyor / ACC; throw = atıyor / atmıyor / ACC;
heat = ısıtıyor / ısıtmıyor; cool = soğutuyor / soğutmuyor; take = alıyor / almıyor;
return = geri:ADV veriyor / geri:ADV vermiyor; accept = kabul:NOUN ediyor / kabul:NOUN etmiyor;
refuse = reddediyor / reddetmiyor / ACC
"""
_REST = """
young = genç; old = yaşlı; rich = zengin; poor = fakir; happy = mutlu; sad = üzgün; big = büyük; small = küçük;
clean = temiz; dirty = kirli; heavy = ağır; light = hafif; expensive = pahalı; cheap = ucuz; red = kırmızı;
white = beyaz; kitchen = mutfakta; garden = bahçede; school = okulda; hospital = hastanede; office = ofiste;
library = kütüphanede; house = evde; shop = dükkânda; hotel = otelde; restaurant = restoranda; village = köyde;
city = şehirde; morning = sabah; evening = akşam; noon = öğlen; midnight = gece yarısı; monday = pazartesi günü;
friday = cuma günü; saturday = cumartesi günü; sunday = pazar günü; two = iki; three = üç;
Anna = Anna; Maria = Maria; Sara = Sara; Laila = Leyla; Ali = Ali; David = David; Paul = Paul; Adam = Adem
"""
_SYNONYMS = """
doctor = hekim; guest = konuk; driver = sürücü; actor = aktör; grandmother = nine; grandfather = dede;
car = otomobil / otomobili; vehicle = araç / aracı; instrument = enstrüman / enstrümanı; old = ihtiyar; poor = yoksul;
sad = mutsuz; dirty = pis; office = büroda; restaurant = lokantada; city = kentte; lose = yitiriyor / yitirmiyor;
repair = tamir:NOUN ediyor / tamir:NOUN etmiyor; soil = pisletiyor / pisletmiyor / ACC;
send = yolluyor / yollamıyor; return = iade:NOUN ediyor / iade:NOUN etmiyor;
refuse = geri:ADV çeviriyor / geri:ADV çevirmiyor / ACC
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
_IS = table(_HYPERNYMS)
_ORDER: tuple[Role, ...] = ("agent", "time", "place", "recipient", "thing", "action")
_ASKING = {"agent": "kim", "place": "nerede:ADV", "time": "ne:DET zaman:NOUN"}


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return the object: "bir" follows an adjective; denied it is "hiçbir" or, not singled out, bare."""
    accusative = lexicon[fact.action][2:] == ["ACC"]
    quality = words(lexicon[fact.thing_quality][0] if fact.thing_quality else "", "thing", "ADJ")
    noun = words(lexicon[fact.thing][accusative], "thing", "NOUN")
    if fact.count != "one":
        return [*words(lexicon[fact.count][0], "thing", "NUM"), *quality, *noun]
    if fact.negated:
        return [*words("hiçbir" if accusative else "", "thing", "DET"), *quality, *noun]
    return [*quality, Token("bir", "DET", "thing"), *noun]


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    """Return the words of each role."""
    quality = words(lexicon[fact.agent_quality][0] if fact.agent_quality else "", "agent", "ADJ")
    recipient = f"{lexicon[fact.recipient][0]} için:ADP" if fact.recipient else ""
    return {
        "agent": [*quality, *words(lexicon[fact.agent][0], "agent", "NOUN")],
        "action": words(lexicon[fact.action][fact.negated], "action", "VERB"),
        "thing": _thing(fact, lexicon),
        "recipient": words(recipient, "recipient", "PROPN"),
        "place": words(lexicon[fact.place][0] if fact.place else "", "place", "NOUN"),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
    }


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    parts = _parts(fact, _OTHER if synonyms else _PLAIN)
    told = [token for role in _ORDER for token in parts[role]]
    told = fronted(told, fact) if order == "fronted" else told
    return [*told, Token(".", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    """Ask in place; what is singled out, or denied, is asked for in the accusative."""
    accusative = fact.negated or _PLAIN[fact.action][2:] == ["ACC"]
    asking = {**_ASKING, "thing": "neyi" if accusative else "ne"}
    parts = {**_parts(fact, _PLAIN), asked: words(asking[asked], asked, "PRON")}
    return [*(token for role in _ORDER for token in parts[role]), Token("?", "PUNCT", "")]


def _definition(concept: str) -> list[Token]:
    known = words(_PLAIN[concept][0], role_of(concept), "NOUN")
    return [*known, *words(f"bir:DET {_IS[HYPERNYMS[concept]][0]} .:PUNCT", "", "NOUN")]


def _property(concept: str, quality: str) -> list[Token]:
    known = words(_PLAIN[concept][0], role_of(concept), "NOUN")
    return [*known, *words(f"{_PLAIN[quality][0]} .:PUNCT", "", "ADJ")]


LANGUAGE = Language("tr", "Turkish", "Latn", _statement, _question, _definition, _property, capitals={"i": "İ"})
