import argparse

from hx_gateway.cli.docs import commands_page


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="hx-gateway")
    verbs = made.add_subparsers()
    verbs.add_parser("stop", description="Stop it.")
    nested = verbs.add_parser("keys").add_subparsers()
    nested.add_parser("list", description="List them.").add_argument("--limit", help="how many")
    return made


def test_every_command_and_option_is_written_down() -> None:
    text = commands_page(parser())
    assert "## `hx-gateway stop`\n\nStop it.\n" in text
    assert "## `hx-gateway keys list`\n\nList them.\n" in text
    assert "--limit LIMIT" in text


def test_a_noun_that_runs_nothing_has_no_section() -> None:
    assert "## `hx-gateway keys`\n" not in commands_page(parser())
