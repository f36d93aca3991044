"""SQL and counters: implementations of the ports of core."""
