"""Embeddings without a model: the same text gives the same vector, near-equal texts near ones."""

import hashlib
import math
import re


def embed(text: str, dimension: int) -> list[float]:
    """Hash words and letter triples into a unit vector; shared words make vectors alike."""
    vector = [0.0] * dimension
    for feature, weight in _features(text):
        digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
        place = int.from_bytes(digest[:4], "big") % dimension
        vector[place] += weight if digest[4] & 1 else -weight
    if not any(vector):
        vector[0] = 1.0
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def _features(text: str) -> list[tuple[str, float]]:
    words = re.findall(r"\w+", text.lower())
    triples = [word[i : i + 3] for word in words for i in range(len(word) - 2)]
    return [(word, 1.0) for word in words] + [(f"#{triple}", 0.3) for triple in triples]


def likeness(one: list[float], other: list[float]) -> float:
    """The cosine of two unit vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))
