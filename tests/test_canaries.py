"""What peft 0.21, adapters 1.3 and transformers 4.57 get wrong today, pinned: a fix upstream fails a test here.

Each canary asserts the fault as it is, and its docstring says what we do instead. When one fails, the detour that
it names can perhaps go. All of peft's also run on transformers 5, except for gradient checkpointing, which is right
there; those of adapters need transformers 4.57, and so does the tokenizer's.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from importlib.metadata import version

import peft
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    XLMRobertaConfig,
    XLMRobertaForMultipleChoice,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
QUERY_VALUE = {"r": 8, "lora_alpha": 16, "target_modules": ["query", "value"]}
ADAPTERS_LORA = {"attn_matrices": ["q", "v"], "r": 8, "alpha": 16}

only_before_5 = pytest.mark.skipif(not version("transformers").startswith("4."), reason="transformers 4.57's fault")


def canary(see: str) -> Callable[[Callable], Callable]:
    """Tell whoever sees the test fail where our code works around the fault."""

    def mark(test: Callable) -> Callable:
        @functools.wraps(test)
        def told(*given, **named) -> None:
            try:
                test(*given, **named)
            except (Exception, pytest.fail.Exception) as error:
                raise AssertionError(f"upstream has changed: see {see}") from error

        return told

    return mark


def tiny(kind: type[nn.Module] = XLMRobertaModel, seed: int = 0) -> nn.Module:
    """An XLM-R of two layers, without dropout."""
    config = XLMRobertaConfig(
        vocab_size=100,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=34,
        type_vocab_size=1,
        pad_token_id=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    torch.manual_seed(seed)
    return kind(config).eval()


def as_if_trained(model: nn.Module) -> nn.Module:
    """Fill the updates and bottlenecks with numbers, so that they have an effect."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "magnitude" in name:
            parameter.data.mul_(1 + 0.3 * torch.rand_like(parameter))
        elif "lora_" in name or ".adapters." in name:
            nn.init.normal_(parameter, std=0.1)
    return model.eval()


def with_peft(*names: str, kind: type[nn.Module] = XLMRobertaModel, **settings) -> peft.PeftModel:
    config = {**QUERY_VALUE, **settings}
    model = peft.get_peft_model(tiny(kind), peft.LoraConfig(**config), adapter_name=names[0])
    for name in names[1:]:
        model.add_adapter(name, peft.LoraConfig(**config))
    return as_if_trained(model)


@torch.inference_mode()
def states(model: nn.Module) -> Tensor:
    return model(input_ids=TOKENS, attention_mask=TOKENS.ne(1).long()).last_hidden_state


def update(model: peft.PeftModel, name: str) -> Tensor:
    """The true dW of one layer."""
    return model.base_model.model.encoder.layer[0].attention.self.query.get_delta_weight(name).detach()


def error(found: Tensor, true: Tensor) -> float:
    return float((found - true).norm() / true.norm())


def merged(model: peft.PeftModel, how: str, **settings) -> tuple[Tensor, Tensor]:
    """What peft merges one and two into, and what it should be."""
    model.add_weighted_adapter(["one", "two"], [0.5, 0.5], "sum", combination_type=how, **settings)
    return update(model, "sum"), (update(model, "one") + update(model, "two")) / 2


def change_by_identity_merge(**settings) -> float:
    """By how much the output changes when one adapter is merged with weight 1."""
    model = with_peft("one", **settings)
    before = states(model)
    model.add_weighted_adapter(["one"], [1.0], "sum", combination_type="cat")
    model.set_adapter("sum")
    return float((states(model) - before).abs().max())


def test_peft_merges_plain_lora_with_cat_rightly():
    """The control: where peft is right, these canaries say so, and our stacks may equal it."""
    assert error(*merged(with_peft("one", "two"), "cat")) < 1e-5
    assert change_by_identity_merge() < 1e-5


@pytest.mark.parametrize("how", [{"how": "cat"}, {"how": "svd", "svd_rank": 16}], ids=["cat", "svd"])
@canary("adapterstilts/compose/_settings.py, scale_of")
def test_peft_multiplies_a_merge_of_rslora_by_the_root_of_its_rank(how):
    """We fold each member's own scale into its factors and write r = lora_alpha."""
    found, true = merged(with_peft("one", "two", use_rslora=True), **how)
    assert error(found, 16**0.5 * true) < 1e-5


@canary("adapterstilts/compose/_settings.py, what is refused")
def test_peft_changes_a_dora_by_merging_it_alone():
    """We refuse to add up DoRAs, which are no sums."""
    assert change_by_identity_merge(use_dora=True) > 1e-3


@canary("adapterstilts/compose/_settings.py, what is refused")
def test_peft_loses_the_biases_of_lora_in_a_merge():
    """We refuse updates with biases beside them."""
    assert change_by_identity_merge(lora_bias=True) > 1e-2


@canary("adapterstilts/compose/merges/linear.py")
def test_pefts_linear_averages_the_factors_and_not_the_updates():
    """Our linear is the weighted sum of the updates, exact."""
    assert error(*merged(with_peft("one", "two"), "linear")) > 0.5


@canary("adapterstilts/compose")
def test_peft_merges_into_a_name_in_use_by_doing_nothing():
    """We write merges into new folders and refuse one that exists."""
    model = with_peft("one", "two", "sum")
    before = update(model, "sum")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.add_weighted_adapter(["one", "two"], [1.0, 1.0], "sum", combination_type="cat")
    assert torch.equal(update(model, "sum"), before)


@canary("adapterstilts/compose/merges/svd.py")
def test_peft_saves_an_svd_above_the_dimension_that_it_cannot_load(tmp_path):
    """We write factors of the rank that the settings name, filled up with zeros, and read them back."""
    model = with_peft("one", "two")
    model.add_weighted_adapter(["one", "two"], [1.0, 1.0], "sum", combination_type="svd", svd_rank=100)
    model.save_pretrained(tmp_path, selected_adapters=["sum"])
    with pytest.raises(RuntimeError, match="size mismatch"):
        peft.PeftModel.from_pretrained(tiny(), tmp_path / "sum")


@canary("adapterstilts/model.py: heads lie outside the adapter")
def test_peft_cannot_merge_two_adapters_that_hold_a_head():
    """We put LoRA on the encoder alone and keep the heads ourselves."""
    model = with_peft("one", "two", kind=XLMRobertaForSequenceClassification, modules_to_save=["classifier"])
    with pytest.raises(ValueError, match="modules_to_save"):
        model.add_weighted_adapter(["one", "two"], [1.0, 1.0], "sum", combination_type="cat")


@canary("adapterstilts/methods/_proof.py")
def test_peft_loads_nothing_of_a_classifiers_adapter_onto_a_bare_encoder(tmp_path):
    """We train on the bare encoder, and prove after loading that every tensor has arrived."""
    with_peft("one", kind=XLMRobertaForSequenceClassification, task_type="SEQ_CLS").save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="missing adapter keys"):
        loaded = peft.PeftModel.from_pretrained(tiny(), tmp_path / "one")
    assert torch.equal(states(loaded.get_base_model()), states(tiny()))


@canary("adapterstilts/methods/_proof.py")
def test_peft_saves_nothing_when_another_adapters_name_is_a_part_of_the_model(tmp_path):
    """We generate the names inside a model, and prove after saving that every tensor is in the file."""
    for other, saved in (("one", 8), ("encoder", 0)):
        with_peft(other, "two").save_pretrained(tmp_path / other)
        assert len(load_file(tmp_path / other / "two" / "adapter_model.safetensors")) == saved


@canary("adapterstilts/methods/lora.py, target_pattern, and adapterstilts/model.py: heads are always trained")
def test_peft_leaves_a_multiple_choice_head_frozen_at_random():
    """We choose Linear layers of the encoder by a pattern and train every head in full."""
    model = with_peft("one", kind=XLMRobertaForMultipleChoice, target_modules="all-linear")
    head = model.base_model.model.classifier
    assert isinstance(head, peft.tuners.lora.LoraLayer)
    assert not head.base_layer.weight.requires_grad


@only_before_5
@canary("adapterstilts/model.py: memory is bounded by micro_batch_tokens, nothing is checkpointed")
def test_lora_gets_no_gradients_from_reentrant_checkpoints():
    """We never turn gradient checkpointing on."""
    model, head = with_peft("one").train(), torch.ones(64, requires_grad=True)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": True})
    with pytest.warns(UserWarning, match="requires_grad"):
        (model(input_ids=TOKENS).last_hidden_state * head).sum().backward()
    assert head.grad is not None
    assert all(parameter.grad is None for parameter in model.parameters())


@canary("adapterstilts/methods/_stack.py: merge_and_unload, then wrap again")
def test_peft_unmerges_with_a_mere_warning_when_another_adapter_is_set():
    """We merge for good, into a plain encoder, and put what comes next on that."""
    model = with_peft("one", "two")
    model.set_adapter("two")
    only_two = states(model)
    model.merge_adapter(["one"])
    assert not torch.allclose(states(model), only_two, atol=1e-2)
    with pytest.warns(UserWarning, match="Unmerging"):
        model.set_adapter("two")
    torch.testing.assert_close(states(model), only_two, rtol=1e-4, atol=1e-5)


@canary("adapterstilts/methods/lora.py, activate")
def test_peft_makes_every_adapter_of_a_stack_trainable():
    """We freeze all but the last ourselves."""
    model = with_peft("one", "two")
    model.base_model.set_adapter(["one", "two"])
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * len([name for name in trained if ".one." in name]) == 16


# adapters 1.3: optional, so imported where it is used


@pytest.fixture
def adapters():
    return pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")


def with_adapters(adapters, *names: str, config=None) -> nn.Module:
    model = tiny()
    adapters.init(model)
    for name in names:
        model.add_adapter(name, config=config or adapters.LoRAConfig(**ADAPTERS_LORA))
    return as_if_trained(model)


def loras(model: nn.Module, layer: int = 0) -> nn.ModuleDict:
    return model.encoder.layer[layer].attention.self.query.loras


def scaled_update(lora: nn.Module) -> Tensor:
    return (lora.scaling * lora.lora_B @ lora.lora_A).detach()


@canary("adapterstilts/methods/lora.py: LoRA goes through peft, whose stack is a sum")
def test_adapters_drops_the_lower_lora_of_a_stack(adapters):
    """We stack LoRAs with peft, where a fresh one on a trained one changes nothing."""
    model = with_adapters(adapters, "a")
    model.add_adapter("fresh", config=adapters.LoRAConfig(**ADAPTERS_LORA))
    model.set_active_adapters("a")
    assert not torch.allclose(states(model), states(tiny()), atol=1e-2)
    model.set_active_adapters(adapters.composition.Stack("a", "fresh"))
    assert torch.equal(states(model), states(tiny()))


@canary("adapterstilts/compose: averages are taken of the updates, on saved files")
def test_adapters_average_divides_by_the_number_of_adapters_twice(adapters):
    """We average updates, and never outputs through this block."""
    model = with_adapters(adapters, "a")
    query, inputs = model.encoder.layer[0].attention.self.query, torch.randn(1, 3, 64)
    effects = []
    with torch.inference_mode():
        for setup in ("a", adapters.composition.Average("a", "a")):
            model.set_active_adapters(setup)
            effects.append(query(inputs) - nn.functional.linear(inputs, query.weight, query.bias))
    assert error(effects[1], effects[0] / 2) < 1e-4


@canary("adapterstilts/compose/merges/linear.py")
def test_adapters_linear_average_is_of_the_factors(adapters):
    """Our linear is the weighted sum of the updates, exact."""
    model = with_adapters(adapters, "a", "b")
    model.average_adapter("m", ["a", "b"])
    a, b, m = (scaled_update(loras(model)[name]) for name in "abm")
    assert error(m, (a + b) / 2) > 0.5


@canary("adapterstilts/compose/merges/svd.py")
def test_adapters_svd_of_updates_ignores_their_scale(adapters):
    """Our updates carry their scale with them, whatever rank they end up with."""
    model = with_adapters(adapters, "a")
    model.average_adapter("m", ["a"], combine_strategy="lora_delta_w_svd", svd_rank=16)
    a, m = (scaled_update(loras(model)[name]) for name in "am")
    assert error(m, a / 2) < 1e-4


@canary("adapterstilts/compose/merges/__init__.py: one weight a member, in their order")
def test_adapters_cannot_take_the_weights_by_name_that_it_documents(adapters):
    """Our weights are a list in the order of the members, checked for its length."""
    model = with_adapters(adapters, "a", "b")
    with pytest.raises(TypeError, match="unsupported operand"):
        model.average_adapter("m", ["a", "b"], weights={"a": 0.9, "b": 0.1})


@canary("adapterstilts/methods/lora.py: attention_output is one of peft's places")
def test_adapters_ignores_lora_on_the_attentions_output(adapters):
    """We put LoRA on any Linear layer, through peft."""
    config = adapters.LoRAConfig(attn_matrices=["o"], r=8, alpha=16)
    model = with_adapters(adapters, "a", config=config)
    assert [name for name, _ in model.named_parameters() if "lora_" in name] == []


@canary("adapterstilts/methods/bottleneck.py: the generator is seeded outside")
def test_adapters_seed_gives_every_layer_the_same_numbers(adapters):
    """We seed torch's generator around add_adapter and leave init_weights_seed alone."""
    model = tiny()
    adapters.init(model)
    model.add_adapter("a", config=adapters.SeqBnConfig(init_weights_seed=3))
    first, second = (layer.output.adapters["a"].adapter_down[0].weight for layer in model.encoder.layer)
    assert torch.equal(first, second)


@canary("adapterstilts/methods/bottleneck.py: use_safetensors on both sides")
def test_adapters_cannot_load_its_own_safetensors_unasked(adapters, tmp_path):
    """We say use_safetensors=True when saving and when loading."""
    with_adapters(adapters, "a", config="seq_bn").save_adapter(tmp_path / "a", "a", use_safetensors=True)
    other = with_adapters(adapters)
    with pytest.raises(OSError, match="Unable to load weights"):
        other.load_adapter(str(tmp_path / "a"))
    assert other.load_adapter(str(tmp_path / "a"), use_safetensors=True) == "a"


@canary("adapterstilts/base.py: runs record the digest of their base")
def test_adapters_loads_an_adapter_onto_another_base_without_a_word(adapters, tmp_path, caplog):
    """We record the base's weights as a digest and refuse another one."""
    with_adapters(adapters, "a", config="seq_bn").save_adapter(tmp_path / "a", "a", use_safetensors=True)
    other = tiny(seed=9)
    adapters.init(other)
    caplog.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.load_adapter(str(tmp_path / "a"), use_safetensors=True)
    assert [record for record in caplog.records if record.levelname != "INFO"] == []
    assert "a" in other.adapters_config


@canary("adapterstilts/methods/bottleneck.py: only bottlenecks are fused")
def test_adapters_cannot_fuse_loras(adapters):
    """We fuse bottlenecks alone, and refuse LoRAs with a reason."""
    model, both = with_adapters(adapters, "a", "b"), adapters.composition.Fuse("a", "b")
    model.add_adapter_fusion(both)
    model.set_active_adapters(both)
    with pytest.raises(NotImplementedError):
        states(model)


@canary("adapterstilts/methods/bottleneck.py, activate")
def test_adapters_trains_every_adapter_of_a_stack(adapters):
    """We freeze all but the last ourselves."""
    model = with_adapters(adapters, "a", "b", config="seq_bn")
    model.train_adapter(adapters.composition.Stack("a", "b"))
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * len([name for name in trained if ".a." in name]) == 16


@only_before_5
@canary("adapterstilts/mini/tokenizer.py: the post-processor is written into tokenizer.json")
def test_a_fast_xlmr_tokenizer_built_from_an_object_adds_no_special_tokens():
    """We put the special tokens into the tokenizer's own files, so that every class adds them."""
    from tokenizers import Tokenizer, models
    from transformers import XLMRobertaTokenizerFast

    words = ("<s>", "<pad>", "</s>", "<unk>", "word", "<mask>")
    plain = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer = XLMRobertaTokenizerFast(tokenizer_object=plain)
    assert tokenizer("word")["input_ids"] == [4]
    assert tokenizer.build_inputs_with_special_tokens([4]) == [0, 4, 2]
