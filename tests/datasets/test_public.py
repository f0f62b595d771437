"""Public data sets: found in the usual folders, or downloaded once."""

import pickle
import threading
from functools import partial
from hashlib import md5
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz import datasets
from igbviz.datasets import DATASETS, folders
from tests.support.datasets import DOWNLOADED, LIKE_MNIST, same, sentence, write_idx

pytestmark = pytest.mark.usefixtures("data_root")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", LIKE_MNIST)
def test_idx_files_are_found_in_the_usual_folders(name, packed, data_root, tmp_path, offline):
    cls = LIKE_MNIST[name]
    for number, inner in enumerate((".", "raw", cls.torchvision_subfolder, name), start=3):
        images = write_idx(tmp_path / "own" / str(number) / inner, packed, labels=range(number))
        data = cls(folder=str(tmp_path / "own" / str(number)), scaling="raw").load()
        assert torch.equal(
            data.train_images[:, 0].byte(), torch.from_numpy(images)
        ) and data.train_labels.tolist() == list(range(number))
    write_idx(data_root, packed)
    sentence(cls().load)  # in a shared folder the files may belong to another data set
    write_idx(data_root / name, packed)
    assert str(data_root / name) in cls().load().source


def test_the_users_folder_comes_before_the_shared_ones(tmp_path, data_root):
    write_idx(data_root / "mnist", True, labels=(0, 1))
    write_idx(tmp_path / "own", True, labels=(2, 3, 4))
    assert DATASETS["mnist"]().load().train_labels.tolist() == [0, 1]
    assert DATASETS["mnist"](folder=str(tmp_path / "own")).load().train_labels.tolist() == [2, 3, 4]


def test_a_named_folder_without_the_files_is_an_error(tmp_path, data_root, offline):
    write_idx(data_root / "mnist", True)
    for name in DOWNLOADED:
        gone = DATASETS[name](folder=str(tmp_path / "gone"))
        for action in (gone.load, gone.identified):
            sentence(action, tmp_path / "gone", "does not exist")
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / "holiday.txt").touch()
        sentence(DATASETS[name](folder=str(tmp_path / "other")).load, tmp_path / "other", "it has: holiday.txt")


def test_the_missing_file_of_a_download_is_named(tmp_path, data_root, offline):
    for place, dataset in (
        (tmp_path / "own", DATASETS["mnist"](folder=str(tmp_path / "own"))),
        (data_root / "MNIST" / "raw", DATASETS["mnist"]()),
    ):
        write_idx(place, False)
        (place / "t10k-labels-idx1-ubyte").unlink()
        sentence(dataset.load, place / "t10k-labels-idx1-ubyte is missing", "is not complete")


def test_mnist_of_another_folder_is_other_data(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "SETTLED", 0.0)
    write_idx(tmp_path / "one", False)
    write_idx(tmp_path / "packed", True)
    write_idx(tmp_path / "other", False, labels=(2, 3, 4))
    one, packed, other = (
        DATASETS["mnist"](folder=str(tmp_path / name)).identified() for name in ("one", "packed", "other")
    )
    assert one.fingerprint == packed.fingerprint != other.fingerprint
    assert one.canonical() == packed.canonical() != other.canonical()
    assert "fingerprint" not in DATASETS["mnist"]().identified().canonical()
    other.load()
    write_idx(tmp_path / "other", False)
    sentence(other.load, tmp_path / "other", "no longer", other.fingerprint, one.fingerprint)


@pytest.mark.parametrize("packed", [True, False])
def test_damaged_idx_files_are_named(packed, tmp_path):
    write_idx(tmp_path, packed)
    path = next(tmp_path.glob("train-images*"))
    path.write_bytes(path.read_bytes()[:-9])
    sentence(DATASETS["mnist"](folder=str(tmp_path)).load, path, "delete it")
    path.write_bytes(b"<html>not found</html>")
    sentence(DATASETS["mnist"](folder=str(tmp_path)).load, path)
    write_idx(tmp_path, packed, labels=(0, 25))
    sentence(DATASETS["mnist"](folder=str(tmp_path)).load, tmp_path, "not MNIST")


@pytest.mark.parametrize("name", DOWNLOADED)
def test_offline_one_sentence_says_what_to_put_where(name, offline, data_root, tmp_path):
    cls = DOWNLOADED[name]
    sentence(cls().load, cls.title, "no network in this test", cls.files, data_root)
    (tmp_path / "own").mkdir()
    sentence(cls(folder=str(tmp_path / "own")).load, cls.files, tmp_path / "own")


def test_a_download_folder_that_is_not_writable_is_reported(offline, tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "a file" / "in the way"))
    sentence(DATASETS["mnist"]().load, "a file/in the way")


def test_missing_files_are_downloaded_once(tmp_path, data_root, monkeypatch):
    from igbviz._torchvision import torchvision

    mnist = torchvision.datasets.MNIST
    write_idx(tmp_path / "mirror", packed=True)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(mnist, "resources", [(name, None) for name, _ in mnist.resources])
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path / "mirror")
    ) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(mnist, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        data = DATASETS["mnist"]().load()
        server.shutdown()
    assert data.train_labels.tolist() == [0, 1, 2, 1, 0] and str(data_root / "MNIST" / "raw") in data.source
    assert same(data, DATASETS["mnist"]().load())


class Trap:
    """A pickle that creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_cifar_is_read_only_after_its_checksum(tmp_path, offline, monkeypatch):
    from igbviz._torchvision import torchvision

    cifar = torchvision.datasets.CIFAR10
    place = tmp_path / "own" / cifar.base_folder
    place.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)

    def original(name: str, content: object) -> str:
        (place / name).write_bytes(pickle.dumps(content))
        return md5((place / name).read_bytes()).hexdigest()

    batch = {"data": pixels.reshape(2, -1), "labels": [3, 7]}
    monkeypatch.setattr(cifar, "train_list", [[name, original(name, batch)] for name, _ in cifar.train_list])
    monkeypatch.setattr(cifar, "test_list", [[name, original(name, batch)] for name, _ in cifar.test_list])
    monkeypatch.setattr(
        cifar, "meta", cifar.meta | {"md5": original("batches.meta", {"label_names": list(datasets.CIFAR10)})}
    )
    for folder in (place, place.parent):
        data = DATASETS["cifar10"](folder=str(folder), scaling="raw").load()
        assert np.array_equal(data.test_images.numpy(), pixels) and data.train_labels.tolist() == [3, 7] * 5
    assert DATASETS["cifar10"](folder=str(place), grayscale=True).load().shape == (1, 32, 32)

    original("data_batch_3", Trap(tmp_path / "trace"))
    sentence(DATASETS["cifar10"](folder=str(place)).load, place / "data_batch_3 is damaged")
    (place / "test_batch").unlink()
    sentence(DATASETS["cifar10"](folder=str(place.parent)).load, place / "test_batch is missing")
    assert not (tmp_path / "trace").exists()


def test_svhn_is_read_from_its_two_files(tmp_path, monkeypatch):
    from scipy.io import savemat

    from igbviz._torchvision import torchvision

    images = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    checked = {}
    for split in ("train", "test"):
        savemat(tmp_path / f"{split}_32x32.mat", {"X": images, "y": np.array([[1], [10], [9], [2]])})
        checked[split] = ["", f"{split}_32x32.mat", md5((tmp_path / f"{split}_32x32.mat").read_bytes()).hexdigest()]
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", checked)
    data = DATASETS["svhn"](folder=str(tmp_path), scaling="raw").load()
    assert data.train_labels.tolist() == [1, 0, 9, 2], "the digit 0 is stored as 10"
    assert np.array_equal(data.test_images.numpy(), images.transpose(3, 2, 0, 1))


@pytest.mark.parametrize("name", DOWNLOADED)
def test_facts_of_the_public_data_sets_add_up(name):
    cls = DOWNLOADED[name]
    facts = cls.stored_facts
    assert cls().facts() == facts, "the counts per class add up to the training set"
    assert len(set(facts.class_names)) == len(facts.class_names)
    assert cls(examples_per_class=1).facts().train_size == len(facts.class_names)
    assert cls(examples_per_class=5600).facts().train_size < facts.train_size or name == "cifar10" or name == "cifar100"
    assert cls(size=64).facts().side == 64
    assert cls(folder="anywhere").canonical() == {"name": name}, "the folder of the files is not part of the identity"
    assert ("grayscale" in cls.hyperparameters()) == (facts.channels == 3)
