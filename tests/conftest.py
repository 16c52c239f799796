"""What all tests share: caches of their own, no network, a tiny base, a handful of generated rows."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

# Set before any library reads them: tests leave nothing in the home folder, find nothing there, never go online.
_CACHE = Path(tempfile.mkdtemp(prefix="adapterstilts-tests-"))
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
os.environ["ADAPTERSTILTS_CACHE"] = str(_CACHE / "own")
os.environ["HF_HOME"] = str(_CACHE / "hf")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.pop("ADAPTERSTILTS_MIRROR", None)

import pytest
import torch

from adapterstilts import console
from adapterstilts.mini.random_base import Shape, random_base
from adapterstilts.mini.rows import write_rows
from adapterstilts.mini.texts import texts_of
from adapterstilts.mini.tokenizer import write_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from adapterstilts.formats import Learnable
    from adapterstilts.model import TransferModel

REAL_DATA = Path(os.environ.get("ADAPTERSTILTS_TEST_DATA", Path(__file__).parents[2] / "shared"))

torch.set_num_threads(1)  # tests run side by side, and small models gain nothing from more


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            raise OSError(f"tests do not go online: {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True)
def adapters_where_they_are_needed(request: pytest.FixtureRequest) -> None:
    """Skip a test of every method for bottlenecks where the library behind them is not installed."""
    case = getattr(request.node, "callspec", None)
    if case and case.params.get("method") == "bottleneck":
        pytest.importorskip("adapters", reason="the extra adapterstilts[bottleneck] is not installed")


@pytest.fixture(autouse=True)
def nothing_said_before() -> None:
    console.log_once.cache_clear()


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of every task in four languages, in the Hub's layout."""
    return write_rows(tmp_path_factory.mktemp("mirror") / "rows", size=96, speaking=("en", "de", "es", "sw"))


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Path:
    return write_tokenizer(texts_of(mirror), tmp_path_factory.mktemp("tokenizer") / "files", vocabulary=600)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Path:
    """A real XLM-R of two layers and random weights."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    return random_base(tokenizer_folder, folder, shape=Shape(layers=2, hidden=64, positions=258))


@pytest.fixture(scope="module")  # a module may have a base of its own
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer  # slow, and few tests need it

    return AutoTokenizer.from_pretrained(base)


@pytest.fixture
def with_head(base: Path) -> Callable[[str, Learnable, int], TransferModel]:
    """Make a model of the base with one head of a format, its weights so large that texts do not look alike."""
    from adapterstilts.base import find_base, load_encoder
    from adapterstilts.model import TransferModel

    def make(name: str, format: Learnable, labels: int) -> TransferModel:
        model = TransferModel(load_encoder(find_base(str(base))))
        model.add_head(name, format, labels, seed=1)
        for key, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embeddings" not in key:
                parameter.data *= 8
        return model.eval()

    return make


@pytest.fixture(scope="session")
def three_steps(mirror: Path) -> dict[str, object]:
    """Settings of a training that is over soon and has moved its module."""
    return {
        "resources.mirror": str(mirror),
        "precision": "fp32",
        "train.max_steps": 3,
        "train.eval_every": 3,
        "train.learning_rate": 3e-2,
        "train.batch_size": 8,
        "data.max_length": 64,
    }


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, or a skip that says which folder is absent."""
    if not (REAL_DATA / "hub").is_dir():
        pytest.skip(f"no real data at {REAL_DATA} (set ADAPTERSTILTS_TEST_DATA)")
    return REAL_DATA
