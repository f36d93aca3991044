"""How much a caller may use: windows, holds, concurrency."""
