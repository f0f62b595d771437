"""What may be given to a probe, and how samples are drawn from a data set."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from igbviz.recording.probe import Probe
from igbviz.recording.sampling import balanced, draw


class Uneven(Dataset):
    """60, 30 and 10 samples of three classes; sample i has the value i. Reading one is counted."""

    def __init__(self, listed: bool, noise: float = 0.0) -> None:
        self.truth = [0] * 60 + [1] * 30 + [2] * 10
        self.noise, self.read = noise, 0
        if listed:
            self.targets, self.classes = self.truth, ["many", "some", "few"]

    def __len__(self) -> int:
        return len(self.truth)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.read += 1
        return torch.tensor([float(index), self.noise * random.random()]), self.truth[index]


def test_equally_many_of_each_class_as_far_as_it_has_them() -> None:
    labels = np.array(Uneven(True).truth)
    chosen = balanced(labels, 45, 0)
    assert len(set(chosen)) == 45 and np.bincount(labels[chosen]).tolist() == [18, 17, 10]
    assert len(set(labels[chosen][:15])) == 3, "in random order, so that a pass with batch statistics mixes classes"
    assert chosen.tolist() == balanced(labels, 45, 0).tolist() != balanced(labels, 45, 1).tolist()
    assert sorted(balanced(labels, 1000, 0)) == list(range(100))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: DataLoader(x, 7, shuffle=True)], ids=["set", "loader"])
def test_drawn_from_a_data_set(wrap, listed: bool) -> None:
    dataset = Uneven(listed, noise=1.0)
    torch.manual_seed(3), random.seed(3)
    probe = Probe(nn.Linear(2, 3), wrap(dataset), images=30, seed=5)
    after = torch.rand(1).item(), random.random()
    torch.manual_seed(3), random.seed(3)
    nn.Linear(2, 3)
    assert after == (torch.rand(1).item(), random.random()), "drawing leaves random states as they were"
    probe()
    assert probe.trajectory.class_sizes()[0].tolist() == [10, 10, 10]
    assert probe.class_names == (("many", "some", "few") if listed else ("0", "1", "2"))
    assert dataset.read == 30 + 100 * (not listed), "labels that are listed need no reading"
    again = Probe(nn.Linear(2, 3), wrap(Uneven(listed, noise=1.0)), images=30, seed=5)
    assert torch.equal(again._set.positional[0], probe._set.positional[0]), "augmentation is seeded, too"
    assert (probe._set.positional[0][:, 1] > 0).any()


def test_listed_labels_of_compound_data_sets_are_found() -> None:
    reads = Uneven(True)
    part = Subset(reads, range(50, 100))
    inputs, labels = draw(ConcatDataset([part, part]), 30, 0)
    assert reads.read == 30 and labels.bincount().tolist() == [10, 10, 10] and (inputs[:, 0] >= 50).all()
    assert Probe(nn.Linear(2, 3), part).class_names == ("many", "some", "few")
    inputs, labels = draw(TensorDataset(torch.arange(12.0)[:, None], torch.arange(12) % 2), 6, 0)
    assert (inputs[:, 0] % 2 == labels).all() and labels.bincount().tolist() == [3, 3]


class Texts(Dataset):
    """Sentences of different lengths, as dicts; `column_names` and whole columns as Hugging Face has them."""

    column_names = ("input_ids", "label")

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int | str):
        if index == "label":
            return [i % 2 for i in range(20)]
        return {"input_ids": [1] * (index + 1), "label": index % 2}


def padded(samples: list[dict]) -> dict[str, torch.Tensor]:
    rows = nn.utils.rnn.pad_sequence([torch.tensor(sample["input_ids"]) for sample in samples], batch_first=True)
    return {"input_ids": rows, "labels": torch.tensor([sample["label"] for sample in samples])}


class Counts(nn.Module):
    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return torch.stack([input_ids.sum(1), input_ids.sum(1) * 0], 1).float()


def test_texts_are_padded_to_one_length() -> None:
    probe = Probe(Counts(), DataLoader(Texts(), batch_size=4, collate_fn=padded))
    probe()
    assert probe._set.named["input_ids"].shape == (20, 20)
    whole = padded([Texts()[index] for index in range(20)])
    same = Probe(Counts(), whole)
    same()
    assert (same.trajectory.confusion == probe.trajectory.confusion).all()
    assert "labels" in whole, "what is given is not changed"


def test_a_loader_with_its_own_batches() -> None:
    batches = DataLoader(Texts(), batch_sampler=[[3, 1], [0, 2]], collate_fn=padded)
    inputs, labels = draw(batches, 4, 0)
    assert inputs["input_ids"].shape[0] == 4 and labels.bincount().tolist() == [2, 2]


def test_several_inputs_of_any_shape() -> None:
    class Sum(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a.flatten(1)[:, :3] + b[:, None]

    a, b, labels = torch.randn(1200, 2, 3, 4, 5), torch.randn(1200), torch.arange(1200) % 3
    probes = [Probe(Sum(), inputs, labels) for inputs in ((a, b), {"b": b, "a": a})]
    for probe in probes:
        probe()
        np.testing.assert_allclose(
            probe.trajectory.mean_prob[0, 1], a.flatten(1)[1::3, :3].softmax(1).mean(0), rtol=1e-5
        )


def test_drawn_samples_follow_the_model() -> None:
    """As far as a machine without a GPU can tell: a set on another device than the model is moved if it was drawn."""
    probe = Probe(nn.Linear(2, 3).to("meta"), Uneven(True))
    assert probe._set.for_model(probe.model).positional[0].device.type == "meta"
