from pathlib import Path

from hx_gateway.config.paths import MAX_SOCKET_PATH, key_path, socket_path


def test_sockets_stand_in_the_state_directory_when_they_fit() -> None:
    assert socket_path(Path("/var/lib/hx"), "chat") == Path("/var/lib/hx/run/chat.sock")
    assert key_path(Path("/var/lib/hx")) == Path("/var/lib/hx/master_key")


def test_a_long_state_directory_gets_a_short_socket_of_its_own() -> None:
    one, other = Path("/" + "a" * 120), Path("/" + "b" * 120)
    assert len(str(socket_path(one, "chat"))) <= MAX_SOCKET_PATH
    assert socket_path(one, "chat") == socket_path(one, "chat")
    assert socket_path(one, "chat").parent == socket_path(one, "embed").parent
    assert socket_path(one, "chat").parent != socket_path(other, "chat").parent
