"""The fingerprint of a folder: other pixels are other data, a touched file is not, and nothing is read twice."""

import os
import shutil

import pytest
from PIL import Image

from igbviz.datasets import ImageFolder, fingerprints, folders, image_folder
from igbviz.spec import ConfigError
from tests.support.datasets import same, sentence

pytestmark = pytest.mark.usefixtures("data_root")


def of(folder, **fields) -> str:
    return ImageFolder(folder=str(folder), **fields).identified().fingerprint


def write(path, value) -> None:
    """An uncompressed image: as many bytes whatever the value."""
    Image.new("RGB", (12, 10), (value, value, value)).save(path, format="BMP")


@pytest.mark.parametrize("keep_times", [False, True])
@pytest.mark.parametrize("settled", [0.0, 2.0])
def test_other_pixels_under_the_same_name_and_size_are_other_data(settled, keep_times, folder, monkeypatch):
    monkeypatch.setattr(folders, "SETTLED", settled)
    path = folder / "train" / "dog" / "1.png"
    write(path, 1)
    before, stat = of(folder), path.stat()
    first = ImageFolder(folder=str(folder), scaling="raw").load()
    write(path, 2)
    if keep_times:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size and of(folder) != before
    assert not same(first, ImageFolder(folder=str(folder), scaling="raw").load())
    write(path, 1)
    assert of(folder) == before


def test_touched_moved_and_renamed_files_are_the_same_data(folder, tmp_path):
    before = of(folder)
    for path in folder.glob("*/*/*"):
        os.utime(path, (1, 1))
    assert of(folder) == before
    shutil.copytree(folder, tmp_path / "copy")
    for path in list((tmp_path / "copy").glob("*/*/*")):
        path.rename(path.with_name(f"image {path.name}"))
    (tmp_path / "copy" / "train" / "cat" / ".DS_Store").touch()
    assert of(tmp_path / "copy") == before


def test_classes_order_and_decoder_belong_to_it(folder, monkeypatch):
    seen = {of(folder)}
    cat = folder / "train" / "cat"
    (cat / "0.png").rename(cat / "9.png")  # now the last
    seen.add(of(folder))
    for split in ("train", "test"):
        (folder / split / "cat").rename(folder / split / "bat")
    seen.add(of(folder))
    monkeypatch.setattr(image_folder, "DECODER_VERSION", image_folder.DECODER_VERSION + 1)
    seen.add(of(folder))
    assert len(seen) == 4


def test_unchanged_files_are_not_read_again(folder, monkeypatch, data_root):
    monkeypatch.setattr(folders, "SETTLED", -1.0)  # however new
    read = []
    digest = fingerprints._digest
    monkeypatch.setattr(fingerprints, "_digest", lambda path: read.append(path) or digest(path))
    before = of(folder)
    assert len(read) == 10 and of(folder, size=16) == before and len(read) == 10
    (folder / "train" / "dog" / "1.png").touch()
    assert of(folder) == before and len(read) == 13, "only its class"
    (index,) = data_root.glob("decoded/*.index.json")
    index.write_text('{"train/cat": 3}')
    assert of(folder) == before and len(read) == 23


def test_files_that_have_just_been_written_are_read_again(folder, data_root):
    """They may change within the resolution of the clock."""
    of(folder)
    assert not list(data_root.glob("decoded/*.index.json"))


def test_other_files_than_the_run_was_about_are_refused(folder):
    known = ImageFolder(folder=str(folder)).identified()
    assert known.identified() == known
    known.load()
    write(folder / "train" / "dog" / "1.png", 7)
    for action in (known.load, known.identified):
        sentence(action, folder, "no longer has the files", known.fingerprint, of(folder))


def test_the_fingerprint_is_part_of_the_identity_and_no_setting(folder):
    plain = ImageFolder(folder=str(folder))
    known = plain.identified()
    assert plain.canonical() == {"name": "image-folder", "folder": str(folder)}
    assert known.canonical() == plain.canonical() | {"fingerprint": known.fingerprint}
    assert "fingerprint" not in ImageFolder.hyperparameters()
    with pytest.raises(ConfigError, match="fingerprint is 'xyz', allowed: nothing or 16 digits"):
        plain.with_(fingerprint="xyz")


def test_files_that_change_while_they_are_read_are_refused(folder, monkeypatch, data_root):
    from igbviz.datasets import decoding

    decode = decoding.decode

    def changing(*args):
        write(folder / "train" / "dog" / "1.png", 9)
        return decode(*args)

    monkeypatch.setattr(decoding, "decode", changing)
    sentence(ImageFolder(folder=str(folder)).load, folder, "changed while")
    assert not list(data_root.glob("decoded/*.npz"))
