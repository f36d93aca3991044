"""Rebuild `data/prices.json` from the price list inside a `litellm` wheel.

pip download --no-deps litellm -d /tmp/wheel && python bench/prices.py /tmp/wheel/litellm-*.whl
"""

import hashlib
import json
import sys
import zipfile
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

from hx_gateway.core.facts import FEATURES

DATA = Path(__file__).parent.parent / "src" / "hx_gateway" / "data"
SOURCE = "litellm/model_prices_and_context_window_backup.json"
SCALE = 10**15  # dollars per token to nano-dollars per million tokens
PRICES = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
)
# Prices in other units, by what the model is for; the first that is there.
UNITS = (
    ({"rerank"}, ("input_cost_per_query",)),
    ({"audio_transcription"}, ("input_cost_per_second", "output_cost_per_second")),
    ({"image_generation", "image_edit"}, ("output_cost_per_image", "input_cost_per_image")),
)
NOTE = """prices.json: token prices and context sizes by model name.

Reduced from `{source}` of the Python package litellm {version}
(https://pypi.org/project/litellm/), which is published under the MIT licence:
Copyright (c) 2023 Berri AI. The licence text is in prices.LICENSE.

Wheel:  {wheel}
SHA-256 {digest}

Made by `bench/prices.py WHEEL`. One line a model:
[input, output, cached read, cached write, most input tokens, most output tokens, mode, what it
supports, search, second of audio, image]
Prices are nano-dollars for a million of each, whole numbers, rounded up; null is unknown.
What a model supports is a bit for each of `FEATURES` in `core/facts.py`, in their order.
Models without a price, size or mode are left out.
"""


def scaled(value):
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        return None
    price = Decimal(value)
    if not price.is_finite() or not 0 <= price <= 1:
        return None
    return int((price * SCALE).to_integral_value(ROUND_CEILING))


def size(value):
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if number > 0 else None


def unit(entry, modes, names):
    if entry.get("mode") not in modes:
        return None
    return next((price for name in names if (price := scaled(entry.get(name)))), None)


def bits(entry):
    supported = (n for n, name in enumerate(FEATURES) if entry.get(f"supports_{name}") is True)
    return sum(1 << n for n in supported) or None


def row(entry):
    cells = [scaled(entry.get(name)) for name in PRICES]
    cells += [
        size(entry.get("max_input_tokens") or entry.get("max_tokens")),
        size(entry.get("max_output_tokens")),
        entry.get("mode"),
        bits(entry),
        *(unit(entry, modes, names) for modes, names in UNITS),
    ]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def main(wheel):
    with zipfile.ZipFile(wheel) as archive:
        table = json.loads(archive.read(SOURCE), parse_float=Decimal)
        licence = next(n for n in archive.namelist() if n.endswith("dist-info/licenses/LICENSE"))
        (DATA / "prices.LICENSE").write_bytes(archive.read(licence))
    rows = {
        name: row(entry)
        for name, entry in sorted(table.items())
        if name != "sample_spec" and isinstance(entry, dict) and "litellm_provider" in entry
    }
    lines = [
        f"{json.dumps(name)}:{json.dumps(r, separators=(',', ':'))}"
        for name, r in rows.items()
        if r
    ]
    (DATA / "prices.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    version = wheel.name.split("-")[1]
    note = NOTE.format(source=SOURCE, version=version, wheel=wheel.name, digest=digest)
    (DATA / "prices.README").write_text(note)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
