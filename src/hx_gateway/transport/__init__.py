"""HTTP/1.1 on both sides: the edge that clients meet and the client that upstreams meet."""
