"""Names in each language's usual spelling: people who are nobody in particular, places, and who says something.

Women and men are apart because in some languages the noun before the name shows which ("die Lehrerin"). What is written
apart is one word each; a name in Chinese is one word. docs/mini/README.md says where the spellings are from.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from adapterstilts.mini.world import table

Kind = Literal["PER", "ORG", "LOC"]

_ORDER = ("en", "de", "es", "ru", "tr", "hi", "zh", "sw", "yo")

_WOMEN = """
amina = Amina Hassan / Amina Hassan / Amina Hassan / Амина Хасан / Amina Hassan / अमीना हसन / 阿米娜·哈桑 /
    Amina Hassan / Amina Hassan;
elena = Elena Petrova / Elena Petrowa / Elena Petrova / Елена Петрова / Elena Petrova / एलेना पेत्रोवा /
    叶莲娜·彼得罗娃 / Elena Petrova / Elena Petrova;
mary = Mary Brown / Mary Brown / Mary Brown / Мэри Браун / Mary Brown / मैरी ब्राउन / 玛丽·布朗 / Mary Brown /
    Mary Brown;
carmen = Carmen López / Carmen López / Carmen López / Кармен Лопес / Carmen López / कारमेन लोपेज़ / 卡门·洛佩斯 /
    Carmen Lopez / Carmen Lopez;
julia = Julia Weber / Julia Weber / Julia Weber / Юлия Вебер / Julia Weber / यूलिया वेबर / 尤利娅·韦伯 /
    Julia Weber / Julia Weber;
na = Li Na / Li Na / Li Na / Ли На / Li Na / ली ना / 李娜 / Li Na / Li Na
"""
_MEN = """
john = John Smith / John Smith / John Smith / Джон Смит / John Smith / जॉन स्मिथ / 约翰·史密斯 / John Smith /
    John Smith;
ivan = Ivan Sokolov / Iwan Sokolow / Iván Sokolov / Иван Соколов / İvan Sokolov / इवान सोकोलोव / 伊万·索科洛夫 /
    Ivan Sokolov / Ivan Sokolov;
carlos = Carlos García / Carlos García / Carlos García / Карлос Гарсия / Carlos García / कार्लोस गार्सिया /
    卡洛斯·加西亚 / Carlos Garcia / Carlos Garcia;
mehmet = Mehmet Demir / Mehmet Demir / Mehmet Demir / Мехмет Демир / Mehmet Demir / मेहमत देमिर /
    穆罕默德·德米尔 / Mehmet Demir / Mehmet Demir;
ravi = Ravi Kumar / Ravi Kumar / Ravi Kumar / Рави Кумар / Ravi Kumar / रवि कुमार / 拉维·库马尔 / Ravi Kumar /
    Ravi Kumar;
tunde = Tunde Ojo / Tunde Ojo / Tunde Ojo / Тунде Оджо / Tunde Ojo / टुंडे ओजो / 通德·奥乔 / Tunde Ojo / Túndé Òjó
"""
_PLACES = """
berlin = Berlin / Berlin / Berlín / Берлин / Berlin / बर्लिन / 柏林 / Berlin / Berlin;
london = London / London / Londres / Лондон / Londra / लंदन / 伦敦 / London / Lọ́ndọ̀nù;
paris = Paris / Paris / París / Париж / Paris / पेरिस / 巴黎 / Paris / Paris;
nairobi = Nairobi / Nairobi / Nairobi / Найроби / Nairobi / नैरोबी / 内罗毕 / Nairobi / Nairobi;
lagos = Lagos / Lagos / Lagos / Лагос / Lagos / लागोस / 拉各斯 / Lagos / Èkó;
moscow = Moscow / Moskau / Moscú / Москва / Moskova / मॉस्को / 莫斯科 / Moscow / Moscow;
istanbul = Istanbul / Istanbul / Estambul / Стамбул / İstanbul / इस्तांबुल / 伊斯坦布尔 / Istanbul / Istanbul;
delhi = Delhi / Delhi / Delhi / Дели / Delhi / दिल्ली / 德里 / Delhi / Delhi;
beijing = Beijing / Peking / Pekín / Пекин / Pekin / बीजिंग / 北京 / Beijing / Beijing;
new_york = New York / New York / Nueva York / Нью-Йорк / New York / न्यूयॉर्क / 纽约 / New York / New York;
madrid = Madrid / Madrid / Madrid / Мадрид / Madrid / मैड्रिड / 马德里 / Madrid / Madrid;
cairo = Cairo / Kairo / El Cairo / Каир / Kahire / काहिरा / 开罗 / Kairo / Cairo
"""
_SOURCES = """
reuters = Reuters / Reuters / Reuters / Рейтер / Reuters / रॉयटर्स / 路透社 / Reuters / Reuters;
un = United Nations / Vereinte Nationen / Naciones Unidas / ООН / Birleşmiş Milletler / संयुक्त राष्ट्र / 联合国 /
    Umoja wa Mataifa / Àjọ Ìṣọ̀kan Àgbáyé;
unicef = UNICEF / UNICEF / UNICEF / ЮНИСЕФ / UNICEF / यूनिसेफ़ / 联合国儿童基金会 / UNICEF / UNICEF;
red_cross = Red Cross / Rotes Kreuz / Cruz Roja / Красный Крест / Kızılhaç / रेड क्रॉस / 红十字会 /
    Msalaba Mwekundu / Red Cross;
bbc = BBC / BBC / BBC / Би-би-си / BBC / बीबीसी / 英国广播公司 / BBC / BBC;
african_union = African Union / Afrikanische Union / Unión Africana / Африканский союз / Afrika Birliği /
    अफ़्रीकी संघ / 非洲联盟 / Umoja wa Afrika / Ìṣọ̀kan Áfríkà;
fifa = FIFA / FIFA / FIFA / ФИФА / FIFA / फ़ीफ़ा / 国际足联 / FIFA / FIFA;
european_union = European Union / Europäische Union / Unión Europea / Европейский союз / Avrupa Birliği /
    यूरोपीय संघ / 欧洲联盟 / Umoja wa Ulaya / European Union
"""


class Name(NamedTuple):
    """A name by what it is of and by its key in this file."""

    kind: Kind
    key: str


_KINDS: tuple[tuple[Kind, str], ...] = (("PER", _WOMEN), ("PER", _MEN), ("LOC", _PLACES), ("ORG", _SOURCES))
_SPELLED = {
    Name(kind, key): dict(zip(_ORDER, forms, strict=True))
    for kind, lines in _KINDS
    for key, forms in table(lines).items()
}
WOMEN, MEN, PLACES, SOURCES = ([Name(kind, key) for key in table(lines)] for kind, lines in _KINDS)


def spelled(name: Name, language: str) -> list[str]:
    """Return the words of a name in a language."""
    return _SPELLED[name][language].split()
