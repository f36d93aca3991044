"""HX Gateway: one OpenAI-compatible endpoint for every model you run or rent."""

__version__ = "0.1.0"
