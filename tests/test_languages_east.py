"""Turkish, Hindi, Swahili and Yoruba: sentences read word by word, and every concept said in every way."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from adapterstilts.mini.languages import languages
from adapterstilts.mini.world import (
    ACTIONS,
    AGENTS,
    ASKED,
    COUNTS,
    HYPERNYMS,
    NAMES,
    OBJECTS,
    PLACES,
    QUALITIES,
    THINGS,
    TIMES,
    Fact,
    detokenise,
    fits,
    role_of,
)

CODES = ("tr", "hi", "sw", "yo")
UPOS = {"ADJ", "ADP", "ADV", "AUX", "DET", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "VERB"}
DOCS = Path(__file__).parents[1] / "docs" / "mini"
LETTERS = {"tr": "LATIN", "hi": "DEVANAGARI", "sw": "LATIN", "yo": "LATIN"}

BUYS = Fact("doctor", "buy", "apple", thing_quality="red", place="kitchen", time="monday")
SELLS = Fact("farmer", "sell", "potato", thing_quality="big", place="shop", time="monday", count="three")
SENDS = Fact("teacher", "send", "banana", time="morning")
REPAIRS = Fact("doctor", "repair", "car")
DENIED = Fact("doctor", "buy", "apple", negated=True)
SOILS = Fact("soldier", "soil", "boat", thing_quality="white")
FULL = Fact("guest", "lower", "spoon", "happy", "clean", "David", "library", "friday", count="two")
SAID = {
    "plain": lambda to: to.statement(Fact("doctor", "buy", "apple")),
    "denied": lambda to: to.statement(DENIED),
    "both described": lambda to: to.statement(Fact("nurse", "wash", "plate", "young", "red", count="two")),
    "place and time": lambda to: to.statement(SELLS),
    "place first": lambda to: to.statement(SELLS, "fronted"),
    "time first": lambda to: to.statement(SENDS, "fronted"),
    "nothing to put first": lambda to: to.statement(REPAIRS, "fronted"),
    "for someone": lambda to: to.statement(Fact("cook", "heat", "bread", recipient="Anna", place="kitchen")),
    "kept": lambda to: to.statement(Fact("grandmother", "keep", "hat", "old", "red")),
    "denied of one described": lambda to: to.statement(
        Fact("driver", "repair", "truck", thing_quality="heavy", negated=True)
    ),
    "two": lambda to: to.statement(Fact("father", "push", "table", count="two")),
    "denied of one": lambda to: to.statement(Fact("father", "push", "table", negated=True)),
    "denied of two": lambda to: to.statement(Fact("worker", "throw", "shoe", count="two", negated=True)),
    "hidden at home": lambda to: to.statement(
        Fact("mother", "hide", "knife", place="house", time="evening"), "fronted"
    ),
    "groups": lambda to: to.statement(Fact("artist", "receive", "instrument")),
    "groups counted": lambda to: to.statement(Fact("person", "take", "kitchenware", None, "dirty", count="two")),
    "soiled": lambda to: to.statement(SOILS),
    "refused": lambda to: to.statement(Fact("guest", "refuse", "onion", time="midnight", negated=True)),
    "all": lambda to: to.statement(FULL),
    "furniture": lambda to: to.statement(Fact("carpenter", "sell", "furniture", "poor", "expensive", count="two")),
    "lent": lambda to: to.statement(Fact("student", "return", "saw", "sad", "light", place="school", count="three")),
    "synonyms": lambda to: to.statement(REPAIRS, synonyms=True),
    "who": lambda to: to.question(BUYS, "agent"),
    "what": lambda to: to.question(BUYS, "thing"),
    "where": lambda to: to.question(BUYS, "place"),
    "when": lambda to: to.question(BUYS, "time"),
    "who not": lambda to: to.question(DENIED, "agent"),
    "what not": lambda to: to.question(DENIED, "thing"),
    "where not": lambda to: to.question(DENIED, "place"),
    "what soiled": lambda to: to.question(SOILS, "thing"),
    "an apple": lambda to: to.definition("apple"),
    "a doctor": lambda to: to.definition("doctor"),
    "a chair": lambda to: to.definition("chair"),
    "a singer": lambda to: to.definition("singer"),
    "a father": lambda to: to.definition("father"),
    "a car": lambda to: to.definition("car"),
    "red": lambda to: to.property("apple", "red"),
    "old": lambda to: to.property("grandfather", "old"),
    "rich": lambda to: to.property("neighbor", "rich"),
    "cheap": lambda to: to.property("boat", "cheap"),
    "big": lambda to: to.property("furniture", "big"),
}
SENTENCES = {
    "tr": {
        "plain": "Doktor bir elma satın alıyor.",
        "denied": "Doktor elma satın almıyor.",
        "both described": "Genç hemşire iki kırmızı tabak yıkıyor.",
        "place and time": "Çiftçi pazartesi günü dükkânda üç büyük patates satıyor.",
        "place first": "Dükkânda çiftçi pazartesi günü üç büyük patates satıyor.",
        "time first": "Sabah öğretmen bir muz gönderiyor.",
        "nothing to put first": "Doktor bir araba onarıyor.",
        "for someone": "Aşçı mutfakta Anna için bir ekmek ısıtıyor.",
        "kept": "Yaşlı büyükanne kırmızı bir şapkayı saklıyor.",
        "denied of one described": "Şoför ağır kamyon onarmıyor.",
        "two": "Baba iki masayı itiyor.",
        "denied of one": "Baba hiçbir masayı itmiyor.",
        "denied of two": "İşçi iki ayakkabıyı atmıyor.",
        "hidden at home": "Evde anne akşam bir bıçağı gizliyor.",
        "groups": "Sanatçı bir çalgı teslim alıyor.",
        "groups counted": "Kişi iki kirli mutfak eşyası alıyor.",
        "soiled": "Asker beyaz bir tekneyi kirletiyor.",
        "refused": "Misafir gece yarısı hiçbir soğanı reddetmiyor.",
        "all": "Mutlu misafir cuma günü kütüphanede David için iki temiz kaşığı indiriyor.",
        "furniture": "Fakir marangoz iki pahalı mobilya satıyor.",
        "lent": "Üzgün öğrenci okulda üç hafif testere geri veriyor.",
        "synonyms": "Hekim bir otomobil tamir ediyor.",
        "who": "Kim pazartesi günü mutfakta kırmızı bir elma satın alıyor?",
        "what": "Doktor pazartesi günü mutfakta ne satın alıyor?",
        "where": "Doktor pazartesi günü nerede kırmızı bir elma satın alıyor?",
        "when": "Doktor ne zaman mutfakta kırmızı bir elma satın alıyor?",
        "who not": "Kim elma satın almıyor?",
        "what not": "Doktor neyi satın almıyor?",
        "where not": "Doktor nerede elma satın almıyor?",
        "what soiled": "Asker neyi kirletiyor?",
        "an apple": "Elma bir meyvedir.",
        "a doctor": "Doktor bir kişidir.",
        "a chair": "Sandalye bir mobilyadır.",
        "a singer": "Şarkıcı bir sanatçıdır.",
        "a father": "Baba bir kişidir.",
        "a car": "Araba bir taşıttır.",
        "red": "Elma kırmızı.",
        "old": "Büyükbaba yaşlı.",
        "rich": "Komşu zengin.",
        "cheap": "Tekne ucuz.",
        "big": "Mobilya büyük.",
    },
    "hi": {
        "plain": "डॉक्टर एक सेब खरीदता है।",
        "denied": "डॉक्टर कोई सेब नहीं खरीदता।",
        "both described": "जवान नर्स दो लाल प्लेटें धोती है।",
        "place and time": "किसान सोमवार को दुकान में तीन बड़े आलू बेचता है।",
        "place first": "दुकान में किसान सोमवार को तीन बड़े आलू बेचता है।",
        "time first": "सुबह शिक्षिका एक केला भेजती है।",
        "nothing to put first": "डॉक्टर एक कार ठीक करता है।",
        "for someone": "रसोइया रसोई में अन्ना के लिए एक रोटी गरम करता है।",
        "kept": "बूढ़ी दादी एक लाल टोपी अपने पास रखती है।",
        "denied of one described": "ड्राइवर कोई भारी ट्रक ठीक नहीं करता।",
        "two": "पिता दो मेजें धकेलते हैं।",
        "denied of one": "पिता कोई मेज नहीं धकेलते।",
        "denied of two": "कामगार दो जूते नहीं फेंकता।",
        "hidden at home": "घर में माँ शाम को एक चाकू छिपाती है।",
        "groups": "कलाकार एक वाद्ययंत्र प्राप्त करता है।",
        "groups counted": "व्यक्ति दो गंदे बर्तन लेता है।",
        "soiled": "सैनिक एक सफेद नाव गंदी करता है।",
        "refused": "मेहमान आधी रात को कोई प्याज अस्वीकार नहीं करता।",
        "all": "खुश मेहमान शुक्रवार को पुस्तकालय में डेविड के लिए दो साफ चम्मच नीचे रखता है।",
        "furniture": "गरीब बढ़ई फर्नीचर की दो महँगी चीजें बेचता है।",
        "lent": "दुखी छात्र स्कूल में तीन हल्की आरियाँ वापस करता है।",
        "synonyms": "चिकित्सक एक कार सुधारता है।",
        "who": "सोमवार को रसोई में एक लाल सेब कौन खरीदता है?",
        "what": "डॉक्टर सोमवार को रसोई में क्या खरीदता है?",
        "where": "डॉक्टर सोमवार को एक लाल सेब कहाँ खरीदता है?",
        "when": "डॉक्टर रसोई में एक लाल सेब कब खरीदता है?",
        "who not": "सेब कौन नहीं खरीदता?",
        "what not": "डॉक्टर क्या नहीं खरीदता?",
        "where not": "डॉक्टर सेब कहाँ नहीं खरीदता?",
        "what soiled": "सैनिक क्या गंदा करता है?",
        "an apple": "सेब एक फल है।",
        "a doctor": "डॉक्टर एक व्यक्ति है।",
        "a chair": "कुर्सी फर्नीचर की एक चीज है।",
        "a singer": "गायक एक कलाकार है।",
        "a father": "पिता एक व्यक्ति हैं।",
        "a car": "कार एक वाहन है।",
        "red": "सेब लाल है।",
        "old": "दादा बूढ़े हैं।",
        "rich": "पड़ोसी अमीर है।",
        "cheap": "नाव सस्ती है।",
        "big": "फर्नीचर की चीज बड़ी है।",
    },
    "sw": {
        "plain": "Daktari ananunua tufaa.",
        "denied": "Daktari hanunui tufaa.",
        "both described": "Muuguzi kijana anaosha sahani nyekundu mbili.",
        "place and time": "Mkulima anauza viazi vikubwa vitatu dukani Jumatatu.",
        "place first": "Dukani, mkulima anauza viazi vikubwa vitatu Jumatatu.",
        "time first": "Asubuhi, mwalimu anatuma ndizi.",
        "nothing to put first": "Daktari anatengeneza gari.",
        "for someone": "Mpishi anapasha moto mkate kwa ajili ya Anna jikoni.",
        "kept": "Bibi mzee anahifadhi kofia nyekundu.",
        "denied of one described": "Dereva hatengenezi lori zito.",
        "two": "Baba anasukuma meza mbili.",
        "denied of one": "Baba hasukumi meza.",
        "denied of two": "Mfanyakazi hatupi viatu viwili.",
        "hidden at home": "Katika nyumba, mama anaficha kisu jioni.",
        "groups": "Msanii anapokea ala ya muziki.",
        "groups counted": "Mtu anachukua vyombo vichafu viwili vya jikoni.",
        "soiled": "Askari anachafua mashua nyeupe.",
        "refused": "Mgeni hakatai kitunguu usiku wa manane.",
        "all": "Mgeni mwenye furaha anashusha vijiko safi viwili kwa ajili ya Daudi maktabani Ijumaa.",
        "furniture": "Seremala maskini anauza samani ghali mbili.",
        "lent": "Mwanafunzi mwenye huzuni anarudisha misumeno myepesi mitatu shuleni.",
        "synonyms": "Tabibu anakarabati gari.",
        "who": "Nani ananunua tufaa jekundu jikoni Jumatatu?",
        "what": "Daktari ananunua nini jikoni Jumatatu?",
        "where": "Daktari ananunua tufaa jekundu wapi Jumatatu?",
        "when": "Daktari ananunua tufaa jekundu jikoni lini?",
        "who not": "Nani hanunui tufaa?",
        "what not": "Daktari hanunui nini?",
        "where not": "Daktari hanunui tufaa wapi?",
        "what soiled": "Askari anachafua nini?",
        "an apple": "Tufaa ni tunda.",
        "a doctor": "Daktari ni mtu.",
        "a chair": "Kiti ni samani.",
        "a singer": "Mwimbaji ni msanii.",
        "a father": "Baba ni mtu.",
        "a car": "Gari ni chombo cha usafiri.",
        "red": "Tufaa ni jekundu.",
        "old": "Babu ni mzee.",
        "rich": "Jirani ni tajiri.",
        "cheap": "Mashua ni rahisi.",
        "big": "Samani ni kubwa.",
    },
    "yo": {
        "plain": "Dókítà náà ń ra ápù kan.",
        "denied": "Dókítà náà kò ra ápù kankan.",
        "both described": "Nọ́ọ̀sì ọ̀dọ́ náà ń fọ àwo pupa méjì.",
        "place and time": "Àgbẹ̀ náà ń ta ọ̀dùnkún ńlá mẹ́ta ní ṣọ́ọ̀bù náà ní ọjọ́ Ajé.",
        "place first": "Ní ṣọ́ọ̀bù náà, àgbẹ̀ náà ń ta ọ̀dùnkún ńlá mẹ́ta ní ọjọ́ Ajé.",
        "time first": "Ní àárọ̀, olùkọ́ náà ń fi ọ̀gẹ̀dẹ̀ kan ránṣẹ́.",
        "nothing to put first": "Dókítà náà ń tún ọkọ̀ ayọ́kẹ́lẹ́ kan ṣe.",
        "for someone": "Alásè náà ń mú búrẹ́dì kan gbóná fún Ánà ní ilé ìdáná náà.",
        "kept": "Ìyá àgbà arúgbó náà ń tọ́jú fìlà pupa kan.",
        "denied of one described": "Awakọ̀ náà kò tún ọkọ̀ akẹ́rù wíwúwo kankan ṣe.",
        "two": "Bàbá náà ń ti tábìlì méjì.",
        "denied of one": "Bàbá náà kò ti tábìlì kankan.",
        "denied of two": "Òṣìṣẹ́ náà kò ju bàtà méjì nù.",
        "hidden at home": "Ní ilé náà, ìyá náà ń fi ọ̀bẹ kan pamọ́ ní ìrọ̀lẹ́.",
        "groups": "Oníṣẹ́ ọnà náà ń gba ohun èlò orin kan.",
        "groups counted": "Ènìyàn náà ń mú ohun èlò ìdáná dídọ̀tí méjì.",
        "soiled": "Ṣọ́jà náà ń mú ọkọ̀ ojú omi funfun kan dọ̀tí.",
        "refused": "Àlejò náà kò kọ̀ láti gba àlùbọ́sà kankan ní ọ̀gànjọ́ òru.",
        "all": "Àlejò aláyọ̀ náà ń gbé ṣíbí mímọ́ méjì sílẹ̀ fún Dáfídì ní ilé ìkàwé náà ní ọjọ́ Ẹtì.",
        "furniture": "Gbẹ́nàgbẹ́nà tálákà náà ń ta ohun èlò ilé olówó gọbọi méjì.",
        "lent": "Akẹ́kọ̀ọ́ oníbànújẹ́ náà ń dá ayùn fífúyẹ́ mẹ́ta padà ní ilé ìwé náà.",
        "synonyms": "Oníṣègùn náà ń tún mọ́tò kan ṣe.",
        "who": "Ta ni ó ń ra ápù pupa kan ní ilé ìdáná náà ní ọjọ́ Ajé?",
        "what": "Kí ni dókítà náà ń rà ní ilé ìdáná náà ní ọjọ́ Ajé?",
        "where": "Níbo ni dókítà náà ti ń ra ápù pupa kan ní ọjọ́ Ajé?",
        "when": "Nígbà wo ni dókítà náà ń ra ápù pupa kan ní ilé ìdáná náà?",
        "who not": "Ta ni kò ra ápù kankan?",
        "what not": "Kí ni dókítà náà kò rà?",
        "where not": "Níbo ni dókítà náà kò ti ra ápù kankan?",
        "what soiled": "Kí ni ṣọ́jà náà ń mú dọ̀tí?",
        "an apple": "Ápù jẹ́ èso.",
        "a doctor": "Dókítà jẹ́ ènìyàn.",
        "a chair": "Àga jẹ́ ohun èlò ilé.",
        "a singer": "Akọrin jẹ́ oníṣẹ́ ọnà.",
        "a father": "Bàbá jẹ́ ènìyàn.",
        "a car": "Ọkọ̀ ayọ́kẹ́lẹ́ jẹ́ ohun ìrìnnà.",
        "red": "Ápù náà pupa.",
        "old": "Bàbá àgbà náà jẹ́ arúgbó.",
        "rich": "Aládùúgbò náà jẹ́ olówó.",
        "cheap": "Ọkọ̀ ojú omi náà jẹ́ olówó pọ́ọ́kú.",
        "big": "Ohun èlò ilé náà tóbi.",
    },
}
PARTS = {  # of FULL, as they stand in the sentence; Yoruba says its action around the thing
    "tr": "mutlu misafir|cuma günü|kütüphanede|David için|iki temiz kaşığı|indiriyor",
    "hi": "खुश मेहमान|शुक्रवार को|पुस्तकालय में|डेविड के लिए|दो साफ चम्मच|नीचे रखता है",
    "sw": "mgeni mwenye furaha|Ijumaa|maktabani|kwa ajili ya Daudi|vijiko safi viwili|anashusha",
    "yo": "àlejò aláyọ̀ náà|ní ọjọ́ Ẹtì|ní ilé ìkàwé náà|fún Dáfídì|ṣíbí mímọ́ méjì|",
}


def written(code, tokens):
    return detokenise(languages.get(code), tokens)[0]


def everything(to):
    """Say every concept in every place that it can take, denied and not, in both vocabularies."""
    whole = [Fact("doctor", action, thing) for action in ACTIONS for thing in OBJECTS if fits(action, thing)]
    whole += [Fact(agent, "buy", "apple", place=place) for agent in AGENTS for place in (None, "garden")]
    whole += [Fact("cook", "buy", "egg", place=place, time=time) for place in PLACES for time in TIMES]
    whole += [Fact("cook", "buy", "egg", recipient=name) for name in NAMES]
    for quality, (_, of) in QUALITIES.items():
        if of == "person":
            whole += [Fact(agent, "buy", "apple", quality) for agent in AGENTS]
        else:
            whole += [Fact("cook", "buy", thing, None, quality, count=count) for thing in OBJECTS for count in COUNTS]
    for fact in whole:
        for denied in (fact, Fact(**{**vars(fact), "negated": True})):
            yield from (to.statement(denied, order, said) for order in ("plain", "fronted") for said in (False, True))
            yield from (to.question(denied, asked) for asked in ASKED)
    yield from (to.definition(concept) for concept in HYPERNYMS)
    for quality, (_, of) in QUALITIES.items():
        yield from (to.property(concept, quality) for concept in (AGENTS if of == "person" else OBJECTS))


@pytest.mark.parametrize("code", CODES)
def test_every_kind_of_sentence_has_been_read(code):
    assert list(SENTENCES[code]) == list(SAID)


@pytest.mark.parametrize(("code", "kind"), [(code, kind) for code in CODES for kind in SAID])
def test_the_sentence_is_the_one_that_was_read(code, kind):
    assert written(code, SAID[kind](languages.get(code))) == SENTENCES[code][kind]


@pytest.mark.parametrize("code", CODES)
def test_every_word_of_every_concept_is_there_in_its_script_and_tagged(code):
    for tokens in everything(languages.get(code)):
        assert tokens[-1].upos == "PUNCT"
        for form, upos, _ in tokens:
            assert upos in UPOS, (form, upos)
            assert form
            assert form == unicodedata.normalize("NFC", form)
            assert all(unicodedata.name(letter).startswith(LETTERS[code]) for letter in form if letter.isalpha()), form


@pytest.mark.parametrize("code", CODES)
def test_a_span_is_exactly_the_phrase_of_its_role(code):
    to = languages.get(code)
    text, spans = detokenise(to, to.statement(FULL))
    found = {role: text[start:end] for role, (start, end) in spans.items()}
    wanted = dict(zip(("agent", "time", "place", "recipient", "thing", "action"), PARTS[code].split("|"), strict=True))
    assert {role: found.get(role, "").casefold() for role in wanted} == {
        role: phrase.casefold() for role, phrase in wanted.items()
    }


@pytest.mark.parametrize("code", CODES)
def test_a_role_is_in_the_sentence_when_the_fact_or_the_question_has_it(code):
    to = languages.get(code)
    assert {token.role for token in to.statement(BUYS)} == {"agent", "action", "thing", "place", "time", ""}
    for asked in ASKED:
        assert asked in {token.role for token in to.question(DENIED, asked)}
    for concept in HYPERNYMS:
        assert to.definition(concept)[0].role == role_of(concept)


@pytest.mark.parametrize("code", CODES)
def test_two_concepts_of_a_kind_are_never_said_alike(code):
    to = languages.get(code)
    for kind, facts in {
        "agents": [Fact(agent, "buy", "apple") for agent in AGENTS],
        "actions": [Fact("cook", action, "apple") for action in ACTIONS],
        "things": [Fact("cook", "buy", thing) for thing in THINGS],
        "places": [Fact("cook", "buy", "apple", place=place) for place in PLACES],
        "times": [Fact("cook", "buy", "apple", time=time) for time in TIMES],
        "people described": [Fact("cook", "buy", "apple", quality) for quality in list(QUALITIES)[:6]],
        "things described": [Fact("cook", "buy", "apple", None, quality) for quality in list(QUALITIES)[6:]],
    }.items():
        for synonyms in (False, True):
            said = [written(code, to.statement(fact, synonyms=synonyms)) for fact in facts]
            assert len(set(said)) == len(said), kind


@pytest.mark.parametrize("code", CODES)
def test_synonyms_and_denials_change_the_sentence(code):
    to = languages.get(code)
    other = [to.statement(REPAIRS, synonyms=True), to.statement(Fact("doctor", "repair", "car", negated=True))]
    assert all(tokens != to.statement(REPAIRS) for tokens in other)


def test_a_turkish_sentence_begins_with_a_dotted_capital():
    assert written("tr", languages.get("tr").statement(Fact("worker", "buy", "apple"))).startswith("İşçi")


@pytest.mark.parametrize("code", CODES)
def test_the_sentences_of_the_manual_are_among_those_read(code):
    quoted = [line[2:] for line in (DOCS / f"{code}.md").read_text("utf-8").splitlines() if line.startswith("> ")]
    assert len(quoted) >= 8
    assert set(quoted) <= set(SENTENCES[code].values())
