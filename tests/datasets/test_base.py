"""What all data sets share: specs, scaling, sizes, the first examples of each class, and probes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from igbviz.datasets import (
    DATASETS,
    Data,
    FashionMini,
    GaussianNoise,
    ImageFolder,
    first_of_each_class,
    probe_indices,
)
from igbviz.spec import ConfigError
from tests.support import ROOT
from tests.support.datasets import DOWNLOADED, PARTS, same


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_has_defaults_and_help(name):
    dataset = DATASETS[name]()
    assert dataset.canonical() == {"name": name}
    assert dataset.title and dataset.help.endswith(".")
    assert all(field.description for field in dataset.hyperparameters().values())


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in DOWNLOADED])
def test_every_local_data_set_loads_what_its_facts_say(name, folder):
    dataset = DATASETS[name](folder=str(folder)) if name == "image-folder" else DATASETS[name]()
    facts, data = dataset.facts(), dataset.load()
    assert data.train_images.dtype == data.test_images.dtype == torch.float32
    assert data.train_labels.dtype == data.test_labels.dtype == torch.int64
    assert (facts.channels, facts.side) == (data.shape[0], max(data.shape[1:]))
    assert facts.train_size == len(data.train_images) == len(data.train_labels)
    assert facts.test_size == len(data.test_images) == len(data.test_labels)
    assert facts.class_names == data.class_names and len(facts.class_names) == data.classes
    assert set(data.train_labels.tolist()) == set(data.test_labels.tolist()) == set(range(data.classes))
    assert dataset.title in data.source and f"{facts.train_size} + {facts.test_size}" in data.source
    assert same(data, dataset.load())


def test_grey_images_have_one_channel():
    assert DATASETS["cifar10"](grayscale=True).facts().channels == 1
    assert DATASETS["cifar100"]().facts().class_names == tuple(sorted(DATASETS["cifar100"]().facts().class_names))


def test_a_value_out_of_range_is_explained():
    with pytest.raises(ConfigError, match="size is 7, allowed: a whole number from 8 to 512 or nothing"):
        FashionMini(size=7)
    with pytest.raises(ConfigError, match="scaling is 'loud', allowed: one of standardised, unit, raw"):
        FashionMini(scaling="loud")


def test_scalings_differ_by_an_affine_map():
    raw, unit, standardized = (FashionMini(scaling=scaling).load() for scaling in ("raw", "unit", "standardised"))
    assert raw.train_images.min() == 0 and raw.train_images.max() == 255 and raw.train_images.frac().abs().max() == 0
    assert torch.equal(raw.train_images / 255, unit.train_images)
    mean, spread = raw.train_images.double().mean(), raw.train_images.double().std(correction=0)
    for part in ("train_images", "test_images"):
        assert torch.allclose(((getattr(raw, part) - mean) / spread).float(), getattr(standardized, part), atol=1e-5)


def test_each_channel_is_standardized_separately_and_a_constant_one_becomes_zero(folder):
    for number, path in enumerate(sorted(folder.glob("*/*/*.png"))):
        Image.new("RGB", (12, 10), (number, 10 * number, 77)).save(path)
    images = ImageFolder(folder=str(folder)).load().train_images
    assert torch.allclose(images.mean((0, 2, 3)), torch.zeros(3), atol=1e-6)
    assert torch.allclose(images.std((0, 2, 3), correction=0), torch.tensor([1.0, 1.0, 0.0]))


def test_resizing_is_antialiased_and_agrees_with_pillow():
    raw, small = FashionMini(scaling="raw").load(), FashionMini(scaling="raw", size=14).load()
    assert small.shape == (1, 14, 14) and FashionMini(size=14).facts().side == 14
    for before, after in zip(raw.test_images[:20, 0], small.test_images[:20, 0], strict=True):
        pillow = Image.fromarray(before.byte().numpy()).resize((14, 14), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(pillow, np.float32) - after.numpy()).max() <= 1
    resized = FashionMini(size=14).load().train_images
    assert abs(resized.mean()) < 1e-5 and abs(resized.std() - 1) < 1e-3, "standardized after resizing"


def test_folders_and_archives_are_resized_alike(folder):
    whole, small = (ImageFolder(folder=str(folder), scaling="raw", size=size).load().train_images for size in (None, 8))
    archive = torch.nn.functional.interpolate(whole, (8, 8), mode="bilinear", antialias=True)
    assert (small - archive).abs().max() <= 1


def test_examples_per_class_keeps_the_first_ones_and_the_scale():
    whole, few = FashionMini().load(), FashionMini(examples_per_class=3).load()
    assert (
        few.train_labels.bincount().tolist() == [3] * 10 and FashionMini(examples_per_class=3).facts().train_size == 30
    )
    kept = first_of_each_class(whole.train_labels.numpy(), 3)
    assert torch.equal(few.train_images, whole.train_images[kept]) and torch.equal(few.test_images, whole.test_images)
    assert first_of_each_class(np.array([1, 0, 1, 1, 0, 2]), 2).tolist() == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("device", ["cpu"] + ["cuda"] * torch.cuda.is_available())
@pytest.mark.parametrize("dataset", [FashionMini(size=16), GaussianNoise()], ids=lambda value: value.name)
def test_values_are_the_same_on_every_device(dataset, device):
    there = dataset.load(device)
    assert there.train_images.device.type == there.test_labels.device.type == device
    here = Data(*(getattr(there, part).cpu() for part in PARTS), (), "")
    assert same(dataset.load(), here)


def test_probe_indices_are_distinct_seeded_and_mixed():
    labels = torch.arange(10).repeat_interleave(100)
    chosen = probe_indices(labels, 200, seed=3)
    assert chosen.dtype == torch.int64 and len(set(chosen.tolist())) == 200
    assert labels[chosen].bincount().tolist() == [20] * 10
    assert len(labels[chosen][:50].unique()) > 5, "random order: consecutive images have many classes"
    state = torch.get_rng_state()
    assert torch.equal(chosen, probe_indices(labels, 200, seed=3)) and torch.equal(state, torch.get_rng_state())
    assert not torch.equal(chosen, probe_indices(labels, 200, seed=4))
    assert labels[probe_indices(labels, 205, seed=0)].bincount().tolist() == [21] * 5 + [20] * 5


@pytest.mark.parametrize("size", ["all", 100, 101])
def test_probes_of_everything_are_still_shuffled(size):
    labels = torch.arange(10).repeat(10)
    chosen = probe_indices(labels, size, seed=0)
    assert sorted(chosen.tolist()) == list(range(100)) and chosen.tolist() != list(range(100))
    assert torch.equal(chosen, probe_indices(labels, "all", seed=0))


def test_unequal_classes_are_sampled_in_proportion_and_none_is_left_out():
    labels = torch.tensor([0] * 100 + [1] * 50 + [2] * 50)
    assert labels[probe_indices(labels, 20, seed=0)].bincount().tolist() == [10, 5, 5]
    rare = torch.tensor([0] * 1000 + [2] * 2 + [3])  # and no example of class 1
    for size in (3, 10, 500):
        assert all(labels > 0 for labels in rare[probe_indices(rare, size, seed=1)].bincount()[[0, 2, 3]])


def in_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_specs_import_no_torch(folder):
    code = f"""
import sys
from igbviz.datasets import DATASETS
for name, cls in DATASETS.items():
    (cls(folder={str(folder)!r}) if name == "image-folder" else cls()).facts()
print([name for name in ("torch", "torchvision") if name in sys.modules])
"""
    assert in_new_process(code).strip() == "[]"
    assert in_new_process(
        "import sys, igbviz.datasets; print('torch' in sys.modules, 'PIL' in sys.modules)"
    ).split() == [
        "False",
        "False",
    ]


def test_torchvision_imports_beside_any_torch():
    code = """
from igbviz._torchvision import torchvision
import sys, torch
from torchvision import datasets, models, transforms
assert sys.modules["torchvision"] is torchvision
network = models.resnet18(num_classes=7).eval()
print(network(torch.zeros(1, 3, 32, 32)).shape[1], datasets.CIFAR10.base_folder, transforms.Grayscale.__name__)
"""
    assert in_new_process(code).split() == ["7", "cifar-10-batches-py", "Grayscale"]
