"""The images that come with the program, and Gaussian noise."""

import os
from pathlib import Path

import pytest
import torch

from igbviz.datasets import (
    FashionMini,
    FashionMnist,
    GaussianNoise,
    public,
)
from tests.support import ROOT
from tests.support.datasets import same

pytestmark = pytest.mark.usefixtures("data_root")


def test_fashion_mini_is_balanced_and_standardized():
    data = FashionMini().load()
    assert data.shape == (1, 28, 28)
    assert data.train_labels.bincount().tolist() == [1000] * 10 and data.test_labels.bincount().tolist() == [200] * 10
    assert abs(data.train_images.double().mean()) < 1e-6 and abs(data.train_images.double().std() - 1) < 1e-4
    assert abs(data.test_images.double().mean()) > 1e-4, "scaled by the statistics of the training images, not its own"


@pytest.mark.skipif(
    os.environ.get("CI") != "true" and not Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="Debian's dataset-fashion-mnist is not installed",
)
def test_fashion_mini_is_the_beginning_of_fashion_mnist(monkeypatch):
    monkeypatch.setattr(public, "SYSTEM_DATA", Path("/usr/share/datasets"))
    whole, mini = FashionMnist(examples_per_class=1000, scaling="raw").load(), FashionMini(scaling="raw").load()
    assert torch.equal(whole.train_images, mini.train_images) and torch.equal(whole.train_labels, mini.train_labels)
    assert len(whole.test_images) == 10_000 and "/usr/share/datasets/fashion-mnist" in whole.source


def test_the_license_is_beside_the_embedded_images():
    assert "Copyright (c) 2017 Zalando SE" in (ROOT / "igbviz/datasets/files/LICENSE-fashion-mnist.txt").read_text()


def test_gaussian_noise_has_the_moments_and_classes_it_should():
    data = GaussianNoise(classes=4, channels=3, size=16, train_examples=4000, test_examples=50).load()
    assert data.shape == (3, 16, 16) and data.classes == 4
    assert abs(data.train_images.mean()) < 0.005 and abs(data.train_images.std() - 1) < 0.005
    assert all(abs(count - 1000) < 150 for count in data.train_labels.bincount().tolist())
    assert not torch.equal(data.train_images[:50], data.test_images)


def test_gaussian_noise_depends_on_its_own_seed_only():
    small = {"size": 8, "train_examples": 20, "test_examples": 10}
    one = GaussianNoise(**small).load()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert same(one, GaussianNoise(**small).load())
    assert torch.equal(state, torch.get_rng_state()), "torch's global generator is left alone"
    assert not same(one, GaussianNoise(**small, data_seed=1).load())
    assert torch.equal(one.test_images, GaussianNoise(**small | {"train_examples": 30}).load().test_images)
