"""Wire formats: bytes and values in, bytes and values out. No I/O."""
