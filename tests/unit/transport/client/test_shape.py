"""Which fields matter is found whatever the case of their names."""

from hx_gateway.transport.client.shape import NO_SHAPE, Shape, shape_of


def test_fields_are_found_by_the_names_that_were_sent() -> None:
    names = (b"Server", b"TRANSFER-encoding", b"Content-Encoding", b"content-Length")
    assert shape_of(names) == Shape(
        transfer=b"TRANSFER-encoding", coding=b"Content-Encoding", has_length=True
    )


def test_a_head_without_them_has_no_shape() -> None:
    assert shape_of((b"Date", b"Content-Type", b"X-Content-Length")) == NO_SHAPE
