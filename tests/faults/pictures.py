"""Small sound pictures of every format that is accepted, in the ways those formats have."""

import io
import zlib
from random import Random

from PIL import Image, PngImagePlugin

from simx.images.decoding import FORMATS

SIZE = (23, 17)


def samples() -> dict[str, bytes]:
    """Return pictures by name; the part before the space is the format that Pillow calls it."""
    made = {
        **_jpegs(),
        **_pngs(),
        **_gifs(),
        **_bitmaps(),
        **_webps(),
        **_tiffs(),
    }
    missing = set(FORMATS) - {name.split()[0] for name in made}
    assert not missing, f"no sample of {missing}"
    return made


def with_checksums(png: bytes) -> bytes:
    """Return a PNG whose chunks, as far as there are any, have the checksums they should have."""
    parts, place = [png[:8]], 8
    while place + 12 <= len(png):
        end = place + 8 + int.from_bytes(png[place : place + 4], "big")
        if end + 4 > len(png):
            break
        checksum = zlib.crc32(png[place + 4 : end])
        parts += [png[place:end], checksum.to_bytes(4, "big")]
        place = end + 4
    return b"".join((*parts, png[place:]))


def _pixels(mode: str = "RGB", seed: int = 0) -> Image.Image:
    count = SIZE[0] * SIZE[1] * 4
    noise = Image.frombytes("RGBA", SIZE, Random(seed).randbytes(count))
    if mode in {"I;16", "I", "F"}:
        return noise.convert("L").convert("I").point(lambda value: value * 257).convert(mode)
    return noise.convert("RGB").convert(mode) if mode != "RGBA" else noise


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    return exif.tobytes()


def _jpegs() -> dict[str, bytes]:
    profile = bytes(400)
    return {
        "JPEG": _saved(_pixels(), "JPEG"),
        "JPEG progressive": _saved(_pixels(), "JPEG", progressive=True),
        "JPEG grey": _saved(_pixels("L"), "JPEG"),
        "JPEG cmyk": _saved(_pixels("CMYK"), "JPEG"),
        "JPEG described": _saved(
            _pixels(), "JPEG", exif=_exif(), icc_profile=profile, comment="text", dpi=(72, 72)
        ),
        "JPEG restarts": _saved(_pixels(), "JPEG", restart_marker_blocks=1, subsampling=0),
    }


def _pngs() -> dict[str, bytes]:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "text" * 50, zip=True)
    text.add_itxt("Other", "text" * 50, "en", "Other", zip=True)
    palette = _pixels("P")
    return {
        "PNG": _saved(_pixels(), "PNG"),
        "PNG alpha": _saved(_pixels("RGBA"), "PNG"),
        "PNG grey and alpha": _saved(_pixels("LA"), "PNG"),
        "PNG palette": _saved(palette, "PNG", transparency=bytes(range(256))),
        "PNG bits": _saved(_pixels("1"), "PNG"),
        "PNG deep": _saved(_pixels("I;16"), "PNG"),
        "PNG transparent colour": _saved(_pixels(), "PNG", transparency=(1, 2, 3)),
        "PNG described": _saved(
            _pixels(), "PNG", pnginfo=text, exif=_exif(), icc_profile=bytes(400), dpi=(72, 72)
        ),
        "PNG animated": _saved(
            _pixels(), "PNG", save_all=True, append_images=[_pixels(seed=1)], duration=40
        ),
    }


def _gifs() -> dict[str, bytes]:
    frames = [_pixels("P", seed) for seed in range(3)]
    return {
        "GIF": _saved(_pixels("P"), "GIF"),
        "GIF transparent": _saved(_pixels("P"), "GIF", transparency=0, comment=b"text"),
        "GIF interlaced": _saved(_pixels("L"), "GIF", interlace=1),
        "GIF animated": _saved(
            frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2, loop=0
        ),
    }


def _bitmaps() -> dict[str, bytes]:
    return {
        "BMP": _saved(_pixels(), "BMP"),
        "BMP palette": _saved(_pixels("P"), "BMP"),
        "BMP bits": _saved(_pixels("1"), "BMP"),
        "BMP alpha": _saved(_pixels("RGBA"), "BMP"),
        "BMP run lengths": _run_lengths(),
        "PPM": _saved(_pixels(), "PPM"),
        "PPM grey": _saved(_pixels("L"), "PPM"),
        "PPM deep": b"P5 # a comment\n23 17 65535\n" + Random(0).randbytes(23 * 17 * 2),
        "PPM floats": _saved(_pixels("F"), "PPM"),
        "PPM bits": _saved(_pixels("1"), "PPM"),
        "PPM plain": b"P3\n5 3\n255\n" + b" ".join(b"%d" % n for n in range(45)),
        "PPM plain grey": b"P2\n5 3\n15\n" + b" ".join(b"%d" % n for n in range(15)),
        "PPM plain bits": b"P1\n5 3\n" + b"01101" * 3,
    }


def _run_lengths() -> bytes:
    """Return a BMP of 8 bits whose rows are runs, which Pillow reads and does not write."""
    palette = bytes(value for grey in range(256) for value in (grey, grey, grey, 0))
    rows = b"".join(bytes((20, row, 0, 3, 1, 2, 3, 0, 0, 0)) for row in range(17)) + b"\0\1"
    offset = 14 + 40 + len(palette)
    header = b"BM" + (offset + len(rows)).to_bytes(4, "little") + bytes(4)
    header += offset.to_bytes(4, "little")
    sizes = (40, *SIZE)
    header += b"".join(size.to_bytes(4, "little") for size in sizes)
    header += (1).to_bytes(2, "little") + (8).to_bytes(2, "little")
    header += b"".join(n.to_bytes(4, "little") for n in (1, len(rows), 0, 0, 256, 0))
    return header + palette + rows


def _webps() -> dict[str, bytes]:
    return {
        "WEBP": _saved(_pixels(), "WEBP"),
        "WEBP lossless": _saved(_pixels("RGBA"), "WEBP", lossless=True),
        "WEBP alpha": _saved(_pixels("RGBA"), "WEBP", exif=_exif(), icc_profile=bytes(400)),
        "WEBP animated": _saved(
            _pixels(), "WEBP", save_all=True, append_images=[_pixels(seed=1)], duration=40
        ),
    }


def _tiffs() -> dict[str, bytes]:
    packed = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    return {
        "TIFF": _saved(_pixels(), "TIFF"),
        "TIFF big": _saved(_pixels(), "TIFF", big_tiff=True),
        "TIFF deep": _saved(_pixels("I;16"), "TIFF"),
        "TIFF floats": _saved(_pixels("F"), "TIFF"),
        "TIFF alpha": _saved(_pixels("RGBA"), "TIFF"),
        "TIFF palette": _saved(_pixels("P"), "TIFF"),
        "TIFF described": _saved(_pixels(), "TIFF", exif=_exif(), icc_profile=bytes(400)),
        "TIFF fax": _saved(_pixels("1"), "TIFF", compression="group4"),
        "TIFF pages": _saved(_pixels(), "TIFF", save_all=True, append_images=[_pixels(seed=1)]),
        **{f"TIFF {name}": _saved(_pixels(), "TIFF", compression=name) for name in packed},
    }
