"""Pictures as people have them: every mode, depth and format becomes bytes by one rule, or is refused and named."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from igbviz.datasets import DataError, ImageFolder
from tests.support.datasets import sentence

pytestmark = pytest.mark.usefixtures("data_root")
SIDES = (12, 10)  # of the images of the fixture


def raw(folder, **fields):
    return ImageFolder(folder=str(folder), scaling="raw", **fields).load()


def replace_all(folder, arrays, suffix) -> None:
    """Replace the images of the folder by these arrays, one after the other."""
    for number, path in enumerate(sorted(folder.glob("*/*/*.png"))):
        path.unlink()
        Image.fromarray(arrays[number % len(arrays)]).save(path.with_suffix(suffix))


def ramp(dtype, highest):
    return np.linspace(0, highest, SIDES[0] * SIDES[1]).astype(dtype).reshape(SIDES[::-1])


@pytest.mark.parametrize("grayscale", [False, True])
def test_usual_jpeg_and_png_files_are_what_pillow_reads(folder, grayscale):
    """The pixels of the recorded runs on images in a folder."""
    mode = "L" if grayscale else "RGB"
    for name, own in (("0.jpg", "RGB"), ("1.png", "L"), ("2.jpg", "L")):
        (folder / "train" / "cat" / name).with_suffix(".png").unlink()
        noise = np.random.default_rng(3).integers(0, 256, (*SIDES[::-1], 3), dtype=np.uint8)
        Image.fromarray(noise).convert(own).save(folder / "train" / "cat" / name)
    data = raw(folder, grayscale=grayscale)
    for image, path in zip(data.train_images, sorted((folder / "train").glob("*/*")), strict=True):
        expected = np.asarray(Image.open(path).convert("RGB").convert(mode)).reshape(10, 12, -1)
        assert np.array_equal(image.permute(1, 2, 0), expected)
    assert "2 JPEG L" not in data.source and "1 JPEG L" in data.source and "12 x 10 pixels" in data.source


DEPTHS = {
    "full 16 bits": (np.uint16, 65535, ".png", lambda values: values >> 8, "divided by 256"),
    "12 bits in 16": (np.uint16, 4095, ".tif", lambda values: values >> 4, "divided by 16"),
    "8 bits in 16": (np.uint16, 200, ".png", lambda values: values, "as they are"),
    "32 bits": (np.int32, 100_000, ".tif", lambda values: values >> 9, "divided by 512"),
    "floats to 1": (np.float32, 1, ".tif", lambda values: np.rint(255 * values.astype(float)), "multiplied by 255"),
    "floats to 255": (np.float32, 255, ".tif", np.rint, "rounded"),
}


@pytest.mark.parametrize("dtype, highest, suffix, expected, words", DEPTHS.values(), ids=DEPTHS)
def test_one_scale_for_the_whole_data_set(dtype, highest, suffix, expected, words, folder):
    bright, dark = ramp(dtype, highest), ramp(dtype, highest / 8)
    replace_all(folder, [dark, bright], suffix)
    data = raw(folder, grayscale=True)
    # sorted paths: test before train, and dark ones in the even places
    train = [dark, bright, dark, bright, dark, bright]
    for image, values in zip(data.train_images, train, strict=True):
        assert np.array_equal(image[0], expected(values))
    assert words in data.source


REFUSED = {
    "negative integers": (np.full(SIDES[::-1], -5, np.int32), "-5"),
    "large floats": (ramp(np.float32, 300), "300"),
    "negative floats": (ramp(np.float32, 1) - 0.5, "-0.5"),
    "not a number": (np.full(SIDES[::-1], np.nan, np.float32), "nan"),
}


@pytest.mark.parametrize("values, named", REFUSED.values(), ids=REFUSED)
def test_values_without_a_natural_scale_are_refused(values, named, folder):
    replace_all(folder, [values], ".tif")
    sentence(lambda: raw(folder), folder / "train" / "cat" / "0.tif", named, "8 or 16 bits")


def test_dark_16_bit_colours_are_refused(folder):
    def write(highest):
        for path in folder.glob("*/*/*.png"):
            values = torch.full((3, 10, 12), highest, dtype=torch.uint16)
            _write_png16(path, values.permute(1, 2, 0).numpy())

    write(65535)
    assert raw(folder).train_images.unique().tolist() == [255] and "upper 8 of 16 bits in 10" in raw(folder).source
    write(4095)
    sentence(lambda: raw(folder), "0.png", "lower 12 bits")


def _write_png16(path, values) -> None:
    """An RGB PNG of 16 bits, which Pillow reads but does not write."""
    import struct
    import zlib

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_ground_is_white(mode, folder):
    stroke = Image.new(mode, SIDES, {"RGBA": (0, 0, 0, 0), "LA": (0, 0), "P": 0}[mode])
    stroke.putpixel((3, 2), {"RGBA": (0, 0, 0, 255), "LA": (0, 255), "P": 1}[mode])
    if mode == "P":
        stroke.putpalette([0, 0, 0, 0, 0, 0])
        stroke.info["transparency"] = 0
    stroke.save(folder / "train" / "cat" / "0.png")
    data = raw(folder)
    expected = torch.full((3, 10, 12), 255.0)
    expected[:, 2, 3] = 0
    assert torch.equal(data.train_images[0], expected) and "laid on white in 1" in data.source


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_images_are_turned_as_exif_says(suffix, folder):
    half = Image.new("RGB", SIDES[::-1])  # 10 wide, 12 high: 12 x 10 once it is upright
    half.paste((255, 255, 255), (0, 0, 10, 6))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by a quarter: the upper edge belongs to the right
    (folder / "train" / "cat" / "0.png").unlink()
    half.save(folder / "train" / "cat" / f"0{suffix}", exif=exif)
    data = raw(folder)
    first = data.train_images[0]
    assert first.shape == (3, 10, 12) and "turned as EXIF says in 1" in data.source
    assert first[:, :, 7:].min() > 200 and first[:, :, :5].max() < 50


@pytest.mark.parametrize("suffix", [".jfif", ".avif", ".jp2", ".tga", ".ico", ".PNG"])
def test_every_raster_format_of_pillow_is_read(suffix, folder):
    path = (folder / "train" / "cat" / "1.png").with_suffix(suffix)
    (folder / "train" / "cat" / "1.png").unlink()
    Image.new("RGB", (16, 16), (250, 10, 20)).save(path, **({"format": "JPEG"} if suffix == ".jfif" else {}))
    data = raw(folder, size=16)
    assert len(data.train_images) == 6
    assert (data.train_images[1].mean((1, 2)) - torch.tensor([250.0, 10, 20])).abs().max() < 8


def test_no_file_runs_a_program(folder):
    """Pillow would start Ghostscript for PostScript, whatever its name is."""
    Image.new("RGB", SIDES).save(folder / "train" / "cat" / "3.eps")
    assert "passed over: 1 .eps" in raw(folder).source
    (folder / "train" / "cat" / "3.eps").rename(folder / "train" / "cat" / "3.png")
    sentence(lambda: raw(folder), folder / "train" / "cat" / "3.png")


def test_sizes_that_differ_need_a_size(folder):
    Image.new("RGB", (30, 31)).save(folder / "test" / "dog" / "0.png")
    sentence(lambda: raw(folder), folder / "test" / "dog" / "0.png", "12 x 10 in 9", "30 x 31 in 1", "field size")
    data = raw(folder, size=16)
    assert data.shape == (3, 16, 16) and "resized from 2 sizes to 16 x 16" in data.source
    sentence(lambda: raw(folder), "field size")  # although the resized ones are cached


def test_all_bad_files_are_named(folder):
    for number in range(12):
        (folder / "train" / "cat" / f"bad{number:02}.png").write_text("no image")
    with pytest.raises(Exception, match="12 files cannot be read") as caught:
        raw(folder)
    message = str(caught.value)
    assert all(f"bad{number:02}.png" in message for number in range(10)) and "and 2 more" in message
    assert "bad10" not in message
    (folder / "train" / "cat" / "0.png").write_text("not even the first")
    for action in (ImageFolder(folder=str(folder)).facts, lambda: raw(folder)):
        with pytest.raises(Exception, match="13 files cannot be read"):
            action()


def png(depth, colours, pixels, transparent, kind=0) -> bytes:
    """A PNG of one row, of greys (kind 0) or colours (kind 2) of any depth, with a transparent one."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", colours, 1, depth, kind, 0, 0, 0)
    chunks = (b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(b"\0" + pixels)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def replace_contents(folder, content: bytes, suffix: str) -> None:
    for path in folder.glob("*/*/*.png"):
        path.unlink()
        path.with_suffix(suffix).write_bytes(content)


GREYS = {
    2: (bytes([0b00011011]), 1, [0, 255, 170, 255]),
    4: (bytes([0x0E, 0x21]), 14, [0, 255, 34, 17]),
    8: (bytes([0, 14, 2, 255]), 14, [0, 255, 2, 255]),
    16: (struct.pack(">4H", 0, 65535, 256, 4095), 65535, [0, 255, 16, 255]),  # 12 bits are in use by what can be seen
}


@pytest.mark.parametrize("depth", GREYS)
def test_a_transparent_grey_of_any_depth_is_white(depth, folder):
    pixels, transparent, expected = GREYS[depth]
    replace_contents(folder, png(depth, 4, pixels, struct.pack(">H", transparent)), ".png")
    data = raw(folder, grayscale=True)
    assert data.train_images[0].flatten().int().tolist() == expected and "laid on white in 10" in data.source


def test_a_transparent_colour_of_16_bits_is_refused(folder):
    pixels = struct.pack(">6H", 1, 2, 3, 60000, 60000, 60000)
    replace_contents(folder, png(16, 2, pixels, struct.pack(">3H", 1, 2, 3), kind=2), ".png")
    with pytest.raises(DataError, match="10 files .*transparent colour of 16 bits, allowed: an alpha channel"):
        raw(folder)


def test_a_transparent_ground_does_not_hide_dark_16_bit_colours(folder):
    pixels = struct.pack(">8H", 4000, 3000, 2000, 65535, 65535, 65535, 65535, 0)
    content = png(16, 2, pixels, b"", kind=6).replace(b"\0\0\0\0tRNS" + struct.pack(">I", zlib.crc32(b"tRNS")), b"")
    replace_contents(folder, content, ".png")
    sentence(lambda: raw(folder), "lower 12 bits")


def tiff(values: np.ndarray, sample_format: int, white_is_zero: bool = False) -> bytes:
    """An uncompressed grey TIFF of one row."""
    tags = {256: values.size, 257: 1, 258: 8 * values.itemsize, 259: 1, 262: 0 if white_is_zero else 1, 273: 134,
            277: 1, 278: 1, 279: values.nbytes, 339: sample_format}  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + b"\0" * 4 + values.tobytes()


TIFFS = {
    "unsigned 32 bits": (np.array([0, 2**31, 2**32 - 1], "<u4"), 1, [0, 128, 255]),
    "signed 8 bits": (np.array([0, 5, 127], "i1"), 2, [0, 5, 127]),
    "signed 16 bits": (np.array([0, 2**14, 2**15 - 1], "<i2"), 2, [0, 128, 255]),
}


@pytest.mark.parametrize("values, sample_format, expected", TIFFS.values(), ids=TIFFS)
def test_the_sign_of_integers_is_what_the_file_says(values, sample_format, expected, folder):
    replace_contents(folder, tiff(values, sample_format), ".tif")
    assert raw(folder, grayscale=True).train_images[0].flatten().int().tolist() == expected


def test_negative_bytes_are_refused(folder):
    replace_contents(folder, tiff(np.array([0, -1], "i1"), 2), ".tif")
    sentence(lambda: raw(folder), "integers down to -1")


def test_white_as_zero_is_inverted_or_refused(folder):
    replace_contents(folder, tiff(np.array([0, 255], "u1"), 1, white_is_zero=True), ".tif")
    assert raw(folder, grayscale=True).train_images[0].flatten().int().tolist() == [255, 0]
    for path in folder.glob("*/*/*.tif"):
        path.write_bytes(tiff(np.array([0, 65535], "<u2"), 1, white_is_zero=True))
    with pytest.raises(DataError, match="count white as 0"):
        raw(folder)
