"""Chinese: when, where and for whom before the verb; numbers take a classifier; questions keep their order."""

from __future__ import annotations

from adapterstilts.mini.world import (
    HYPERNYMS,
    TRADES,
    Fact,
    Language,
    Order,
    Role,
    Token,
    fronted,
    role_of,
    table,
    words,
)

# Nouns with their classifiers.
_NOUNS = """
person = 人 / 个; artist = 艺术家 / 位; worker = 劳动者 / 位; singer = 歌手 / 位; painter = 画家 / 位;
dancer = 舞者 / 位; drummer = 鼓手 / 位; writer = 作家 / 位; actor = 演员 / 位; farmer = 农民 / 位; cook = 厨师 / 位;
driver = 司机 / 位; baker = 面包师 / 位; tailor = 裁缝 / 位; carpenter = 木匠 / 位; doctor = 医生 / 位;
nurse = 护士 / 位; teacher = 老师 / 位; student = 学生 / 个; soldier = 士兵 / 位; guest = 客人 / 位;
mother = 母亲 / 位; father = 父亲 / 位; child = 孩子 / 个; grandmother = 奶奶 / 位; grandfather = 爷爷 / 位;
neighbor = 邻居 / 位; fruit = 水果 / 个; apple = 苹果 / 个; banana = 香蕉 / 根; orange = 橙子 / 个; mango = 芒果 / 个;
pineapple = 菠萝 / 个; food = 食物 / 份; bread = 面包 / 个; egg = 鸡蛋 / 个; cake = 蛋糕 / 个; onion = 洋葱 / 个;
potato = 土豆 / 个; tool = 工具 / 件; hammer = 锤子 / 把; knife = 刀 / 把; axe = 斧头 / 把; saw = 锯子 / 把;
hoe = 锄头 / 把; furniture = 家具 / 件; chair = 椅子 / 把; table = 桌子 / 张; bed = 床 / 张; cupboard = 柜子 / 个;
bench = 长椅 / 张; garment = 衣服 / 件; shirt = 衬衫 / 件; hat = 帽子 / 顶; shoe = 鞋子 / 只; coat = 大衣 / 件;
skirt = 裙子 / 条; vehicle = 交通 工具 / 个; car = 汽车 / 辆; bicycle = 自行车 / 辆; boat = 船 / 条;
bus = 公共汽车 / 辆; truck = 卡车 / 辆; instrument = 乐器 / 件; drum = 鼓 / 面; guitar = 吉他 / 把; flute = 笛子 / 支;
trumpet = 小号 / 把; piano = 钢琴 / 架; kitchenware = 厨房 用品 / 件; pot = 锅 / 口; plate = 盘子 / 个;
cup = 杯子 / 个; spoon = 勺子 / 把; bowl = 碗 / 个
"""
# What denies a verb: 没有 those that say a result, which 不 cannot.
_VERBS = """
buy = 买 / 不; sell = 卖 / 不; find = 找到 / 没有; lose = 丢失 / 没有; repair = 修理 / 不; break = 弄坏 / 没有;
hide = 藏 / 不; show = 展示 / 不; wash = 洗 / 不; soil = 弄脏 / 没有; push = 推 / 不; pull = 拉 / 不;
lift = 抬起 / 没有; lower = 放下 / 没有; send = 寄 / 不; receive = 收到 / 没有; keep = 保留 / 不; throw = 扔掉 / 没有;
heat = 加热 / 不; cool = 冷却 / 不; take = 拿走 / 没有; return = 归还 / 不; accept = 接受 / 不; refuse = 拒绝 / 不
"""
# Qualities before a noun, and as what is said of it.
_QUALITIES = """
young = 年轻 的:PART / 很:ADV 年轻; old = 年老 的:PART / 很:ADV 老; rich = 富有 的:PART / 很:ADV 富有;
poor = 贫穷 的:PART / 很:ADV 贫穷; happy = 快乐 的:PART / 很:ADV 快乐; sad = 悲伤 的:PART / 很:ADV 悲伤;
big = 大 的:PART / 很:ADV 大; small = 小 的:PART / 很:ADV 小; clean = 干净 的:PART / 很:ADV 干净;
dirty = 脏 的:PART / 很:ADV 脏; heavy = 重 的:PART / 很:ADV 重; light = 轻 的:PART / 很:ADV 轻;
expensive = 昂贵 的:PART / 很:ADV 昂贵; cheap = 便宜 的:PART / 很:ADV 便宜; red = 红 的:PART / 是:AUX 红 的:PART;
white = 白 的:PART / 是:AUX 白 的:PART
"""
_REST = """
kitchen = 厨房; garden = 花园; school = 学校; hospital = 医院; office = 办公室; library = 图书馆; house = 房子;
shop = 商店; hotel = 酒店; restaurant = 餐馆; village = 村子; city = 城市; morning = 早上; evening = 晚上;
noon = 中午; midnight = 半夜; monday = 星期一; friday = 星期五; saturday = 星期六; sunday = 星期日; one = 一;
two = 两; three = 三; Anna = 安娜; Maria = 玛丽亚; Sara = 萨拉; Laila = 莱拉; Ali = 阿里; David = 大卫; Paul = 保罗;
Adam = 亚当
"""
_SYNONYMS = """
doctor = 大夫 / 位; teacher = 教师 / 位; father = 爸爸 / 位; mother = 妈妈 / 位; potato = 马铃薯 / 个;
axe = 斧子 / 把; bicycle = 单车 / 辆; bus = 公交车 / 辆; truck = 货车 / 辆; restaurant = 餐厅; hotel = 宾馆;
midnight = 午夜; monday = 周一; friday = 周五; saturday = 周六; sunday = 周日; sad = 难过 的:PART / 很:ADV 难过;
buy = 购买 / 不; sell = 出售 / 不; lose = 弄丢 / 没有; repair = 修 / 不; wash = 清洗 / 不; send = 邮寄 / 不;
keep = 留下 / 没有; throw = 丢掉 / 没有; hide = 隐藏 / 不; soil = 搞脏 / 没有;
break = 搞坏 / 没有; lift = 举起 / 没有
"""
_PLAIN = table(f"{_NOUNS};{_VERBS};{_QUALITIES};{_REST}")
_OTHER = {**_PLAIN, **table(_SYNONYMS)}
# "" is what denies: before for whom, and so in pieces with the verb where that is said.
_ORDER: tuple[Role, ...] = ("agent", "time", "place", "", "recipient", "action", "thing")
_ASKING = {
    "agent": "谁:PRON",
    "thing": "什么:PRON",
    "place": "在:ADP 哪里:PRON",
    "time": "什么:DET 时候:NOUN",
}


def _agent(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return quality and noun; of a word as wide as "人" it is said which one, or it would mean people at large."""
    noun, classifier = lexicon[fact.agent]
    which = words(f"这:DET {classifier}" if fact.agent in TRADES else "", "agent", "NOUN")
    quality = words(lexicon[fact.agent_quality][0] if fact.agent_quality else "", "agent", "ADJ")
    return [*which, *quality, *words(noun, "agent", "NOUN")]


def _thing(fact: Fact, lexicon: dict[str, list[str]]) -> list[Token]:
    """Return number, classifier, quality and noun; what is denied of any has neither number nor classifier."""
    noun, classifier = lexicon[fact.thing]
    number = f"{lexicon[fact.count][0]}:NUM {classifier}:NOUN"
    counted = words("" if fact.negated and fact.count == "one" else number, "thing", "NOUN")
    quality = words(lexicon[fact.thing_quality][0] if fact.thing_quality else "", "thing", "ADJ")
    return [*counted, *quality, *words(noun, "thing", "NOUN")]


def _parts(fact: Fact, lexicon: dict[str, list[str]]) -> dict[Role, list[Token]]:
    verb, no = lexicon[fact.action]
    return {
        "agent": _agent(fact, lexicon),
        "time": words(lexicon[fact.time][0] if fact.time else "", "time", "NOUN"),
        "place": words(f"在:ADP {lexicon[fact.place][0]} 里:ADP" if fact.place else "", "place", "NOUN"),
        "": words(no if fact.negated else "", "action", "ADV"),
        "recipient": words(f"为:ADP {lexicon[fact.recipient][0]}" if fact.recipient else "", "recipient", "PROPN"),
        "action": words(verb, "action", "VERB"),
        "thing": _thing(fact, lexicon),
    }


def _statement(fact: Fact, order: Order = "plain", synonyms: bool = False) -> list[Token]:
    parts = _parts(fact, _OTHER if synonyms else _PLAIN)
    told = [token for role in _ORDER for token in parts[role]]
    told = fronted(told, fact, "，") if order == "fronted" else told
    return [*told, Token("。", "PUNCT", "")]


def _question(fact: Fact, asked: Role) -> list[Token]:
    parts = {**_parts(fact, _PLAIN), asked: words(_ASKING[asked], asked, "PRON")}
    return [*(token for role in _ORDER for token in parts[role]), Token("？", "PUNCT", "")]


def _definition(concept: str) -> list[Token]:
    """Say "苹果是一种水果": things are of a kind, people are what they are."""
    role = role_of(concept)
    kind = "" if role == "agent" else "一:NUM 种:NOUN "
    known = words(_PLAIN[concept][0], role, "NOUN")
    said = words(f"{kind}{_PLAIN[HYPERNYMS[concept]][0]} 。:PUNCT", "", "NOUN")
    return [*known, Token("是", "AUX", "action"), *said]


def _property(concept: str, quality: str) -> list[Token]:
    noun, classifier = _PLAIN[concept]
    known = words(f"这:DET {classifier} {noun}", role_of(concept), "NOUN")
    said = words(f"{_PLAIN[quality][1]} 。:PUNCT", "", "ADJ")
    return [*known, *(word._replace(role="action") if word.upos == "AUX" else word for word in said)]


LANGUAGE = Language("zh", "Chinese", "Hans", _statement, _question, _definition, _property, spaces=False)
