"""Bottlenecks: files that `adapters` reads itself, stacks that equal its own, lower modules that stay as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel, RobertaConfig, RobertaModel

from adapterstilts.base import find_base, load_encoder
from adapterstilts.errors import UserError
from adapterstilts.methods import methods
from adapterstilts.methods.bottleneck import BottleneckSettings
from adapterstilts.model import hold_frozen_in_bf16

adapters = pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")

METHOD = methods.get("bottleneck")
VARIANTS = ("pfeiffer", "houlsby", "parallel")
TOKENS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
HIDDEN, LAYERS = 64, 2  # of the tiny base


@pytest.fixture
def plain(base):
    """Make plain encoders of the tiny base."""
    return lambda: load_encoder(find_base(str(base)))


@pytest.fixture
def saved(plain, base, tmp_path):
    """Make folders of bottlenecks with values far from fresh ones: `saved("a", seed=1, variant="houlsby")`."""

    def make(folder, seed=1, **settings):
        name = f"at_{seed}"
        encoder = METHOD.attach(plain(), BottleneckSettings(**settings), name)
        scramble(encoder, name, seed)
        METHOD.save(encoder, name, tmp_path / folder / "adapter", find_base(str(base)))
        return tmp_path / folder / "adapter"

    return make


def scramble(encoder, name, seed):
    numbers = torch.Generator().manual_seed(seed)
    for parameter in METHOD.parameters(encoder, name).values():
        parameter.data.normal_(std=0.1, generator=numbers)


def run(encoder):
    return encoder(input_ids=TOKENS, attention_mask=MASK).last_hidden_state


@torch.inference_mode()
def states(encoder):
    return run(encoder.eval())


def restored(encoder, *folders):
    """Put the bottlenecks of `folders` on an encoder, bottom to top, and return their names as well."""
    names = [f"at_0_{number}" for number in range(len(folders))]
    for folder, name in zip(folders, names, strict=True):
        encoder = METHOD.restore(encoder, folder, name)
    METHOD.activate(encoder, names)
    return encoder, names


def tensors(encoder, name):
    return {key: value.detach().clone() for key, value in METHOD.parameters(encoder, name).items()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def train_one_step(encoder, name):
    encoder.train()
    run(encoder).pow(3).mean().backward()
    trained = [parameter for parameter in METHOD.parameters(encoder, name).values() if parameter.requires_grad]
    torch.optim.SGD(trained, lr=0.1).step()


@pytest.mark.parametrize("variant", VARIANTS)
def test_adapters_itself_loads_our_folder(variant, saved, base, plain):
    folder = saved("a", variant=variant, reduction_factor=4, layers=(1,))
    theirs = AutoModel.from_pretrained(base, add_pooling_layer=False)
    adapters.init(theirs)
    theirs.set_active_adapters(theirs.load_adapter(str(folder), use_safetensors=True))
    ours, _ = restored(plain(), folder)
    assert torch.equal(states(theirs), states(ours))
    assert not torch.allclose(states(plain()), states(ours), atol=1e-2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_restored_equals_what_was_saved(variant, plain, base, tmp_path):
    encoder = METHOD.attach(plain(), BottleneckSettings(variant=variant), "at_live")
    scramble(encoder, "at_live", seed=7)
    size = METHOD.save(encoder, "at_live", tmp_path / "run" / "adapter", find_base(str(base)))
    back = METHOD.restore(plain(), tmp_path / "run" / "adapter", "at_back")
    assert torch.equal(states(back), states(encoder))
    assert same(tensors(back, "at_back"), tensors(encoder, "at_live"))
    assert size == (tmp_path / "run/adapter/adapter.safetensors").stat().st_size
    assert not any(parameter.requires_grad for parameter in back.parameters())


def test_the_folder_holds_the_librarys_two_files_and_names_the_base(plain, base, tmp_path):
    settings = BottleneckSettings(reduction_factor=2.5, non_linearity="tanh", dropout=0.25, layers=(1,))
    hub = replace(find_base(str(base)), name="somebody/tiny")
    METHOD.save(METHOD.attach(plain(), settings, "at_1"), "at_1", tmp_path / "adapter", hub)
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter.safetensors",
        "adapter_config.json",
    ]
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert (config["model_name"], config["hidden_size"], config["name"]) == ("somebody/tiny", HIDDEN, "at_1")
    shape = config["config"]
    assert (shape["reduction_factor"], shape["non_linearity"], shape["dropout"]) == (2.5, "tanh", 0.25)
    assert shape["leave_out"] == [0]


@pytest.mark.parametrize("below", ["pfeiffer", "houlsby"])
@pytest.mark.parametrize("above", ["pfeiffer", "houlsby"])
def test_a_restored_stack_equals_adapters_own_and_its_order_matters(below, above, saved, base, plain):
    first, second = saved("a", seed=1, variant=below), saved("b", seed=2, variant=above, reduction_factor=8)
    theirs = AutoModel.from_pretrained(base, add_pooling_layer=False)
    adapters.init(theirs)
    names = [theirs.load_adapter(str(folder), use_safetensors=True) for folder in (first, second)]
    theirs.set_active_adapters(adapters.Stack(*names))
    ours, _ = restored(plain(), first, second)
    assert torch.equal(states(ours), states(theirs))
    for other in ((second, first), (first,), (second,)):
        assert not torch.allclose(states(restored(plain(), *other)[0]), states(ours), atol=1e-2)


@pytest.mark.parametrize("order", [("parallel", "parallel"), ("pfeiffer", "parallel"), ("parallel", "houlsby")])
def test_a_stack_with_a_parallel_bottleneck_is_refused(order, saved, plain):
    folders = [saved(f"{number}", seed=number, variant=variant) for number, variant in enumerate(order)]
    with pytest.raises(UserError, match="parallel bottleneck cannot stand above or below"):
        restored(plain(), *folders)


def test_adapters_still_leaves_out_what_is_below_a_parallel_bottleneck(saved, plain):
    """The reason for the refusal; should this fail, the library has mended it and the refusal may go."""
    folders = [saved("a", seed=1, variant="parallel"), saved("b", seed=2, variant="parallel")]
    encoder = METHOD.restore(METHOD.restore(plain(), folders[0], "at_a"), folders[1], "at_b")
    METHOD.activate(encoder, ["at_b"])
    alone = states(encoder)
    encoder.set_active_adapters(adapters.Stack("at_a", "at_b"))
    assert torch.equal(states(encoder), alone)


def test_training_on_top_leaves_the_bottleneck_below_and_its_files_alone(saved, plain):
    folder = saved("a")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    encoder, _ = restored(plain(), folder)
    METHOD.attach(encoder, BottleneckSettings(), "at_top")
    METHOD.activate(encoder, ["at_0_0", "at_top"])
    before, top = tensors(encoder, "at_0_0"), tensors(encoder, "at_top")
    train_one_step(encoder, "at_top")
    assert same(tensors(encoder, "at_0_0"), before)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    with_gradient = {id(p) for p in encoder.parameters() if p.grad is not None}
    assert with_gradient == {id(p) for p in METHOD.parameters(encoder, "at_top").values()}
    assert not any(torch.equal(top[key], after) for key, after in tensors(encoder, "at_top").items())


def test_activating_a_trainable_module_below_another_freezes_it(plain):
    encoder = METHOD.attach(plain(), BottleneckSettings(), "at_a")
    METHOD.attach(encoder, BottleneckSettings(), "at_b")
    METHOD.activate(encoder, ["at_a", "at_b"])
    assert not any(parameter.requires_grad for parameter in METHOD.parameters(encoder, "at_a").values())
    assert all(parameter.requires_grad for parameter in METHOD.parameters(encoder, "at_b").values())


def test_members_on_one_encoder_do_not_touch_each_other(plain):
    """Each computes as if alone, begins with the values it would have alone, and is off while the other is on."""
    alone = {}
    for seed, name in enumerate(("at_a", "at_b")):
        torch.manual_seed(seed)
        alone[name] = METHOD.attach(plain(), BottleneckSettings(variant="houlsby"), name)
    shared = plain()
    for seed, name in enumerate(("at_a", "at_b")):
        torch.manual_seed(seed)
        METHOD.attach(shared, BottleneckSettings(variant="houlsby"), name)
    for name in ("at_b", "at_a", "at_b"):
        METHOD.activate(shared, [name])
        assert torch.equal(states(shared), states(alone[name]))
    assert not same(tensors(shared, "at_a"), tensors(shared, "at_b"))
    assert all(parameter.requires_grad for name in alone for parameter in METHOD.parameters(shared, name).values())


def test_a_fresh_module_goes_where_the_encoder_is(plain):
    encoder = METHOD.attach(plain().to("meta"), BottleneckSettings(), "at_a")
    assert {parameter.device.type for parameter in METHOD.parameters(encoder, "at_a").values()} == {"meta"}


def test_restoring_draws_no_random_numbers(saved, plain):
    folder, encoder = saved("a"), plain()
    before = torch.get_rng_state()
    METHOD.restore(encoder, folder, "at_a")
    assert torch.equal(torch.get_rng_state(), before)


def test_activating_what_is_active_does_nothing_and_nothing_is_warned_about(plain, caplog):
    encoder = METHOD.attach(plain(), BottleneckSettings(), "at_a")
    setup = encoder.active_adapters
    METHOD.activate(encoder, ["at_a"])
    assert encoder.active_adapters is setup
    METHOD.attach(encoder, BottleneckSettings(), "at_b")
    METHOD.activate(encoder, ["at_a", "at_b"])
    assert list(encoder.active_adapters) == ["at_a", "at_b"]
    states(encoder)
    assert not caplog.records


def test_a_frozen_bottleneck_drops_nothing_while_another_is_trained(saved, plain):
    encoder, _ = restored(plain(), saved("a", dropout=0.5))
    METHOD.attach(encoder, BottleneckSettings(dropout=0.0), "at_top")
    METHOD.activate(encoder, ["at_0_0", "at_top"])
    silence_base(encoder)
    quiet = states(encoder)
    assert torch.equal(run(encoder.train()), quiet)


def test_unfreezing_trains_on_with_the_dropout_asked_for_and_saves_it(saved, plain, base, tmp_path):
    encoder, (name,) = restored(plain(), saved("a", dropout=0.5))
    METHOD.unfreeze(encoder, BottleneckSettings(dropout=0.25), name)
    silence_base(encoder)
    torch.manual_seed(0)
    assert not torch.equal(run(encoder.train()), states(encoder))
    before = tensors(encoder, name)
    train_one_step(encoder, name)
    assert not any(torch.equal(before[key], after) for key, after in tensors(encoder, name).items())
    METHOD.save(encoder, name, tmp_path / "on", find_base(str(base)))
    assert json.loads((tmp_path / "on/adapter_config.json").read_text())["config"]["dropout"] == 0.25
    assert torch.equal(states(restored(plain(), tmp_path / "on")[0]), states(encoder))


def silence_base(encoder):
    """Switch off the dropout of the base, so that only the bottlenecks' is left."""
    for key, module in encoder.named_modules():
        if isinstance(module, torch.nn.Dropout) and ".adapters." not in key:
            module.p = 0.0
    for layer in encoder.encoder.layer:
        layer.attention.self.dropout_prob = 0.0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_number_of_trained_parameters_follows_the_formula(variant, plain):
    """Down and up with their biases, in each layer once or (houlsby) twice; 3.17 M at 24 x 1024 and factor 16."""

    def formula(hidden, layers, factor):
        width = int(hidden // factor)
        return layers * (2 if variant == "houlsby" else 1) * (2 * hidden * width + width + hidden)

    def count(**settings):
        encoder = METHOD.attach(plain(), BottleneckSettings(variant=variant, **settings), "at_a")
        trained = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
        assert trained == sum(p.numel() for p in METHOD.parameters(encoder, "at_a").values())
        return trained

    assert count() == formula(HIDDEN, LAYERS, 16)
    assert count(reduction_factor=2.5) == formula(HIDDEN, LAYERS, 2.5)
    assert count(reduction_factor=HIDDEN, layers=(1,)) == formula(HIDDEN, 1, HIDDEN)
    if variant == "pfeiffer":
        assert formula(1024, 24, 16) == 3_171_840


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("layers", [None, (1,)])
def test_a_gradient_reaches_every_tensor_in_the_first_step(variant, layers, plain):
    encoder = METHOD.attach(plain(), BottleneckSettings(variant=variant, layers=layers), "at_a")
    train_one_step(encoder, "at_a")
    parameters = METHOD.parameters(encoder, "at_a")
    assert all(parameter.grad is not None for parameter in parameters.values())
    assert any(parameter.grad.any() for parameter in parameters.values())
    assert {key.split(".")[2] for key in parameters} == ({"1"} if layers else {"0", "1"})
    assert not any("at_a" in key for key in parameters)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fresh_bottleneck_is_near_the_identity_and_a_parallel_one_is_the_identity(variant, plain):
    torch.manual_seed(0)
    fresh, before = states(METHOD.attach(plain(), BottleneckSettings(variant=variant), "at_a")), states(plain())
    torch.testing.assert_close(fresh, before, rtol=0, atol=0.1)
    assert torch.equal(fresh, before) == (variant == "parallel")


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_other_families_carry_bottlenecks(family, variant):
    sizes = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 50,
    }  # fmt: skip
    make = {"bert": (BertModel, BertConfig), "roberta": (RobertaModel, RobertaConfig)}[family]
    encoder = make[0](make[1](**sizes), add_pooling_layer=False)
    before = states(encoder)
    METHOD.attach(encoder, BottleneckSettings(variant=variant), "at_a")
    scramble(encoder, "at_a", seed=3)
    assert not torch.allclose(states(encoder), before, atol=1e-2)
    train_one_step(encoder, "at_a")
    assert all(parameter.grad is not None for parameter in METHOD.parameters(encoder, "at_a").values())


def test_importing_adapters_leaves_other_encoders_as_they_were(base):
    """In a process of its own, because here adapters has been imported long ago."""
    program = """if True:
        import sys, torch
        from transformers import AutoModel
        from adapterstilts.methods import methods
        from adapterstilts.methods.bottleneck import BottleneckSettings

        def load(): return AutoModel.from_pretrained(sys.argv[1], add_pooling_layer=False)

        def states(encoder, train):
            torch.manual_seed(0)
            tokens = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 9, 2, 1]])
            return encoder.train(train)(input_ids=tokens, attention_mask=(tokens != 1).long()).last_hidden_state

        old = load()
        before = [states(old, train) for train in (False, True)]
        assert "adapters" not in sys.modules
        carrier = methods.get("bottleneck").attach(load(), BottleneckSettings(), "at_a")
        assert not torch.equal(states(carrier, False), before[0])
        for encoder in (old, load()):
            assert all(torch.equal(states(encoder, train), before[train]) for train in (False, True))
            assert type(encoder).__module__.startswith("transformers.")
            assert not hasattr(encoder, "adapters_config")
        print("untouched")
    """
    done = subprocess.run([sys.executable, "-c", program, str(base)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "untouched", done.stderr[-2000:]


@pytest.mark.parametrize(
    ("variant", "folders"), [(variant, 1) for variant in VARIANTS] + [("pfeiffer", 2), ("houlsby", 2)]
)
def test_with_a_frozen_base_in_bf16_it_computes_nearly_the_same(variant, folders, saved, plain):
    paths = [saved(f"{seed}", seed=seed, variant=variant) for seed in range(folders)]
    encoder, names = restored(plain(), *paths)
    exact = states(encoder)
    METHOD.unfreeze(encoder, BottleneckSettings(variant=variant), names[-1])
    own = [parameter for name in names for parameter in METHOD.parameters(encoder, name).values()]
    hold_frozen_in_bf16(encoder, own)
    assert encoder.encoder.layer[0].output.dense.weight.dtype == torch.bfloat16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        close = states(encoder).float()
        train_one_step(encoder, names[-1])
    assert close.isfinite().all()
    torch.testing.assert_close(close, exact, rtol=0, atol=0.1)
    assert {parameter.dtype for parameter in own} == {torch.float32}
    top = METHOD.parameters(encoder, names[-1]).values()
    assert all(parameter.grad.isfinite().all() for parameter in top)
    assert {id(p) for p in own if p.grad is not None} == {id(p) for p in top}
