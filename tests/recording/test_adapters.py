"""The callbacks in the training loops that they are made for: real trainers, small models, a second or two each."""

from __future__ import annotations

import importlib.util
import os
import pickle
import re
import runpy
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import igbviz
from igbviz._torchvision import torchvision  # noqa: F401 (before the libraries, whose plain import of it may fail)
from igbviz.recording import adapters
from igbviz.spec import ConfigError
from tests.support import ROOT

STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 8]  # of two epochs of 64 samples in batches of 16, every one of them looked at


def need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{package} is not installed")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(before)


GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.arange(64) % 3
IMAGES = torch.randn(64, 6, generator=GENERATOR) + nn.functional.one_hot(LABELS, 6)


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def by_hand(batches: list[tuple[Tensor, Tensor]], model: nn.Module, rate: float = 0.1) -> igbviz.Trajectory:
    """What `Probe` records of the same training in a plain loop."""
    optimizer, loss = torch.optim.SGD(model.parameters(), rate), nn.CrossEntropyLoss()
    probe = igbviz.Probe(model, IMAGES, LABELS, loss=loss)
    probe()
    for images, labels in batches:
        optimizer.zero_grad()
        value = loss(model(images), labels)
        value.backward()
        optimizer.step()
        probe(value)
    return probe.trajectory


def assert_equal(found: igbviz.Trajectory, expected: igbviz.Trajectory, but: tuple[str, ...] = ()) -> None:
    for column in expected.records.dtype.names:
        if column not in ("seconds", "epoch", *but):
            np.testing.assert_allclose(found.records[column], expected.records[column], 1e-5, 1e-6, err_msg=column)


class TestLightning:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        need("lightning")

    @pytest.fixture
    def module(self) -> Any:
        import lightning

        class Classifier(lightning.LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.network = mlp()

            def forward(self, images: Tensor) -> Tensor:
                return self.network(images)

            def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
                return nn.functional.cross_entropy(self(batch[0]), batch[1])

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.SGD(self.parameters(), 0.1)

        return Classifier()

    @staticmethod
    def trainer(callback: Any, epochs: int = 2, **options: Any) -> Any:
        import lightning

        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
        return lightning.Trainer(
            max_epochs=epochs, callbacks=[callback], **quiet | {"enable_checkpointing": False} | options
        )

    @staticmethod
    def loader(size: int = 16) -> DataLoader:
        return DataLoader(TensorDataset(IMAGES, LABELS), size)

    def test_it_records_what_a_probe_in_a_plain_loop_does(self, module: Any) -> None:
        callback = igbviz.LightningProbe(IMAGES, LABELS, class_names=["a", "b", "c"], loss=nn.CrossEntropyLoss())
        self.trainer(callback).fit(module, self.loader())
        assert_equal(callback.trajectory, by_hand(2 * list(self.loader()), mlp()))
        assert callback.trajectory.class_names == ("a", "b", "c")
        np.testing.assert_allclose(callback.trajectory.epoch, np.array(STEPS) / 4)

    def test_steps_are_those_of_the_optimizer(self, module: Any) -> None:
        """Gradients of two batches of 8 add up to those of one of 16, and the mean of their losses to its loss."""
        callback = igbviz.LightningProbe(IMAGES, LABELS, loss=nn.CrossEntropyLoss())
        self.trainer(callback, accumulate_grad_batches=2).fit(module, self.loader(8))
        assert_equal(callback.trajectory, by_hand(2 * list(self.loader()), mlp()))

    def test_a_fit_goes_on_or_begins_again(self, module: Any, tmp_path: Path) -> None:
        callback = igbviz.LightningProbe(IMAGES, LABELS)
        trainer = self.trainer(callback, 1, enable_checkpointing=True, default_root_dir=tmp_path)
        trainer.fit(module, self.loader())
        first = callback.probe
        trainer.save_checkpoint(tmp_path / "saved.ckpt")
        trainer.fit_loop.max_epochs = 2
        trainer.fit(module, self.loader())
        assert callback.probe is first and list(callback.trajectory.step) == STEPS

        other = igbviz.LightningProbe(IMAGES, LABELS)
        self.trainer(other, 2).fit(module, self.loader(), ckpt_path=tmp_path / "saved.ckpt")
        assert list(other.trajectory.step) == [4, 5, 6, 7, 8]
        self.trainer(callback, 1).fit(module, self.loader())
        assert callback.probe is not first and list(callback.trajectory.step) == STEPS[:5]

    def test_a_part_in_half_precision(self, module: Any) -> None:
        callback = igbviz.LightningProbe(IMAGES, LABELS, submodule="network")
        self.trainer(callback, precision="bf16-true").fit(module, self.loader())
        assert callback.probe.model is module.network and list(callback.trajectory.step) == STEPS

    def test_the_main_process_alone_looks(self, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        import lightning

        monkeypatch.setattr(lightning.Trainer, "is_global_zero", False)
        callback = igbviz.LightningProbe(IMAGES, LABELS)
        self.trainer(callback).fit(module, self.loader())
        with pytest.raises(RuntimeError, match="there is no probe yet: it begins with the training, in its main proc"):
            callback.trajectory  # noqa: B018

    def test_bad_input_stops_before_training(self, module: Any) -> None:
        callback = igbviz.LightningProbe(IMAGES, LABELS[:3])
        with pytest.raises(ConfigError, match=r"inputs has shape \(64, 6\), allowed: \(3, \.\.\.\)"):
            self.trainer(callback).fit(module, self.loader())


class TestHuggingFace:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        need("transformers")
        need("accelerate")

    @pytest.fixture
    def bert(self) -> Any:
        from transformers import BertConfig, BertForSequenceClassification

        sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        torch.manual_seed(0)
        config = BertConfig(vocab_size=20, max_position_embeddings=12, num_labels=3, **sizes)
        return BertForSequenceClassification(config)

    IDS = torch.randint(20, (64, 10), generator=GENERATOR)
    INPUTS = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}  # noqa: RUF012

    def trainer(self, model: Any, callback: Any, folder: Path, **options: Any) -> Any:
        from transformers import Trainer, TrainingArguments

        rows = [
            {name: values[i] for name, values in self.INPUTS.items()} | {"labels": LABELS[i]}
            for i in range(len(LABELS))
        ]
        defaults = {"per_device_train_batch_size": 16, "num_train_epochs": 2, "learning_rate": 0.01}
        quiet = {"report_to": [], "disable_tqdm": True, "save_strategy": "no", "use_cpu": True}
        arguments = TrainingArguments(str(folder), **defaults | quiet | options)
        return Trainer(model, arguments, train_dataset=rows, callbacks=[callback])

    def test_every_optimizer_step_is_looked_at(self, bert: Any, tmp_path: Path) -> None:
        callback = igbviz.TrainerProbe(self.INPUTS, LABELS, loss=nn.CrossEntropyLoss())
        trainer = self.trainer(bert, callback, tmp_path, per_device_train_batch_size=8, gradient_accumulation_steps=2)
        before = igbviz.Probe(bert, self.INPUTS, LABELS)
        before()
        trainer.train()
        after = igbviz.Probe(bert, self.INPUTS, LABELS)
        after()
        assert list(callback.trajectory.step) == STEPS and np.isfinite(callback.trajectory.records["signal"]).all()
        np.testing.assert_allclose(callback.trajectory.epoch, np.array(STEPS) / 4)
        for i, probe in ((0, before), (-1, after)):
            expected = probe.trajectory.records["mean_prob"][0]
            np.testing.assert_allclose(callback.trajectory.records["mean_prob"][i], expected, rtol=1e-5)
        assert not np.allclose(*callback.trajectory.records["mean_prob"][[0, -1]], atol=1e-3)

        trainer.save_model(str(tmp_path / "model"))
        trainer.save_state()
        first = callback.probe
        trainer.train()
        assert callback.probe is not first and list(callback.trajectory.step) == STEPS

    def test_a_resumed_training(self, bert: Any, tmp_path: Path) -> None:
        options = {"save_strategy": "steps", "save_steps": 4}
        self.trainer(bert, igbviz.TrainerProbe(self.INPUTS, LABELS), tmp_path, **options).train()
        callback = igbviz.TrainerProbe(self.INPUTS, LABELS)
        self.trainer(bert, callback, tmp_path, **options).train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
        assert list(callback.trajectory.step) == [4, 5, 6, 7, 8]


class TestSkorch:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        need("skorch")

    X, Y = IMAGES.numpy(), LABELS.numpy()

    def net(self, callback: Any, module: Any = mlp, criterion: Any = nn.CrossEntropyLoss, **options: Any) -> Any:
        from skorch import NeuralNetClassifier

        options = {"batch_size": 16, "max_epochs": 2, "lr": 0.1, "train_split": None, "verbose": 0} | options
        return NeuralNetClassifier(module, criterion=criterion, callbacks=[("probe", callback)], **options)

    def test_it_records_what_a_probe_in_a_plain_loop_does(self) -> None:
        callback = igbviz.SkorchProbe(self.X, self.Y, loss=nn.CrossEntropyLoss())
        net = self.net(callback).fit(self.X, self.Y)
        expected = by_hand(2 * list(TestLightning.loader()), mlp())
        assert_equal(callback.trajectory, expected)
        assert_equal(pickle.loads(pickle.dumps(net)).callbacks[0][1].trajectory, expected)

    def test_probabilities_are_recorded_as_such(self) -> None:
        callback = igbviz.SkorchProbe(IMAGES, LABELS)
        net = self.net(callback, lambda: nn.Sequential(mlp(), nn.Softmax(-1)), nn.NLLLoss).fit(self.X, self.Y)
        expected = by_hand(2 * list(TestLightning.loader()), mlp())
        assert_equal(callback.trajectory, expected, but=("signal", "silent"))
        assert net.predict_proba(self.X).sum(-1) == pytest.approx(1)

    def test_steps_are_those_of_the_optimizer(self) -> None:
        from skorch import NeuralNetClassifier

        class Accumulating(NeuralNetClassifier):
            """As in skorch's documentation."""

            def get_loss(self, *args: Any, **kwargs: Any) -> Tensor:
                return super().get_loss(*args, **kwargs) / 2

            def train_step(self, batch: Any, **fit_params: Any) -> Any:
                step = self.train_step_single(batch, **fit_params)
                if len(self.history[-1, "batches"]) % 2 == 0:
                    self.optimizer_.step()
                    self.optimizer_.zero_grad()
                return step

        callback = igbviz.SkorchProbe(IMAGES, LABELS, loss=nn.CrossEntropyLoss())
        Accumulating(
            mlp, criterion=nn.CrossEntropyLoss, callbacks=[callback], batch_size=8, max_epochs=2, lr=0.1,
            train_split=None, verbose=0,
        ).fit(self.X, self.Y)  # fmt: skip
        assert_equal(callback.trajectory, by_hand(2 * list(TestLightning.loader()), mlp()), but=("train_loss",))

    def test_a_fit_goes_on_or_begins_again(self) -> None:
        callback = igbviz.SkorchProbe(IMAGES, LABELS)
        net = self.net(callback, max_epochs=1).fit(self.X, self.Y)
        first = callback.probe
        net.partial_fit(self.X, self.Y)
        assert callback.probe is first and list(callback.trajectory.step) == STEPS
        net.fit(self.X, self.Y)
        assert callback.probe is not first and list(callback.trajectory.step) == STEPS[:5]

    def test_an_error_in_a_training_counts_no_step_twice(self) -> None:
        callback = igbviz.SkorchProbe(IMAGES, LABELS)
        net = self.net(callback, max_epochs=1).fit(self.X, self.Y)
        with pytest.raises(Exception, match="size of tensor|shape"):
            net.partial_fit(self.X[:, :3], self.Y)
        net.partial_fit(self.X, self.Y)
        assert list(callback.trajectory.step) == STEPS

    def test_a_clone_has_its_arguments(self) -> None:
        from sklearn.base import clone

        callback = igbviz.SkorchProbe(IMAGES, LABELS, seed=3)
        net = self.net(callback, max_epochs=1).fit(self.X, self.Y)
        copy = clone(net).fit(self.X, self.Y).callbacks[0][1]
        assert copy is not callback and copy.seed == 3 and list(copy.trajectory.step) == STEPS[:5]


class TestBase:
    def test_a_model_split_among_processes(self) -> None:
        from igbviz.recording.adapters.base import require_whole

        model = mlp()
        require_whole(model)
        model[0].weight.ds_id = 1  # as DeepSpeed marks them
        with pytest.raises(
            ConfigError, match="model has weights that are split among processes, allowed: a model that"
        ):
            require_whole(model)

    @pytest.mark.parametrize(
        ("module", "callback", "library", "extra"),
        [
            ("lightning", "LightningProbe", "lightning", "lightning"),
            ("huggingface", "TrainerProbe", "transformers", "huggingface"),
            ("skorch", "SkorchProbe", "skorch", "skorch"),
        ],
    )
    def test_a_missing_library_is_one_sentence(
        self, module: str, callback: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in [library, *sys.modules]:
            if name.partition(".")[0] == library:
                monkeypatch.setitem(sys.modules, name, None)  # as Python remembers a module that there is not
        kind = runpy.run_path(str(Path(adapters.__file__).with_name(f"{module}.py")))[callback]
        sentence = f"igbviz.{callback} needs {library}: pip install igbviz[{extra}]"
        with pytest.raises(ModuleNotFoundError, match=f"^{re.escape(sentence)}$"):
            kind(IMAGES, LABELS)

    def test_a_library_that_cannot_be_imported_is_one_sentence(self) -> None:
        """Also help(igbviz), which looks at every public name, works beside it."""
        code = (
            "import sys, pydoc\n"
            "class Broken:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name in ('lightning', 'transformers'): raise RuntimeError('operator nms\\nis gone')\n"
            "        if name == 'skorch': import nothing_of_this_name\n"
            "sys.meta_path.insert(0, Broken())\n"
            "import igbviz\n"
            "assert 'LightningProbe' in pydoc.render_doc(igbviz)\n"
            "for kind in (igbviz.LightningProbe, igbviz.TrainerProbe, igbviz.SkorchProbe):\n"
            "    try: kind(1, 2)\n"
            "    except ImportError as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        cannot = "which cannot be imported here"
        assert done.stdout.splitlines() == [
            f"igbviz.LightningProbe needs lightning, {cannot}: RuntimeError: operator nms",
            f"igbviz.TrainerProbe needs transformers, {cannot}: RuntimeError: operator nms",
            f"igbviz.SkorchProbe needs skorch, {cannot}: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ]

    def test_the_libraries_are_imported_after_torchvision(self) -> None:
        """Their plain import of it may fail, see `igbviz._torchvision`."""
        need("lightning")
        need("transformers")
        code = "import igbviz; igbviz.LightningProbe; import lightning.pytorch; from transformers import Trainer"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
