"""Settings: unknown names, bad values and both at once; words read by the field's type."""

from __future__ import annotations

import pytest

from adapterstilts.config.identity import canonical_json, derive_seed, fingerprint
from adapterstilts.config.resolve import describe, differences, parse_assignments, resolve
from adapterstilts.errors import UserError
from adapterstilts.methods import methods
from adapterstilts.methods.full import FullSettings
from adapterstilts.methods.lora import LoraSettings

GIVEN = {"phase": "target", "tasks": ("snli",), "method": {"name": "lora"}}


def test_words_are_read_by_the_type_of_their_field():
    config = resolve(
        GIVEN,
        {
            "method.r": "16",
            "method.rslora": "true",
            "method.layers": "0,2",
            "train.learning_rate": "1e-4",
            "train.max_steps": "none",
            "method.target_modules": "query, key",
        },
        LoraSettings,
    )
    assert (config.method.r, config.method.rslora, config.method.layers) == (16, True, (0, 2))
    assert config.method.target_modules == ("query", "key")
    assert config.train.learning_rate == 1e-4
    assert config.train.max_steps is None


def test_every_problem_is_told_at_once_with_the_nearest_name():
    with pytest.raises(UserError) as caught:
        resolve(GIVEN, {"train.lerning_rate": "1", "method.r": "0", "train.epochs": "many"}, LoraSettings)
    text = str(caught.value)
    assert "unknown setting 'train.lerning_rate': did you mean 'train.learning_rate'?" in text
    assert "method.r = '0'" in text
    assert "train.epochs = 'many'" in text


def test_a_method_knows_only_its_own_settings():
    with pytest.raises(UserError, match=r"method\.r"):
        resolve({**GIVEN, "method": {"name": "full"}}, {"method.r": "8"}, FullSettings)


def test_an_assignment_keeps_equals_signs_in_its_value_and_needs_one():
    assert parse_assignments(["a.b=c=d"]) == {"a.b": "c=d"}
    with pytest.raises(UserError, match="cannot read --set"):
        parse_assignments(["lonely"])


@pytest.mark.parametrize("name", methods.names())
def test_every_setting_has_a_description(name):
    assert [entry.key for entry in describe(methods.get(name).schema) if not entry.description] == []


def test_differences_name_the_nested_key():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == ["a.c: 2 -> 3"]


def test_identity_does_not_depend_on_the_order_of_keys():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_named_uses_of_a_seed_differ():
    assert derive_seed(0, "a") != derive_seed(0, "b") != derive_seed(1, "b")
    assert 0 <= derive_seed(0, "a") < 2**63
