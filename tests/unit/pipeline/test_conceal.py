"""Whatever an upstream echoes, the client does not get our credential."""

import pytest
from tests.support.deployments import deployment

from hx_gateway.core.errors import Rejected
from hx_gateway.core.secret import Secret
from hx_gateway.pipeline.conceal import conceal

KEY = "sk-upstream-0123456789"
TOKEN = "tenant-token-0123456789"


@pytest.mark.parametrize("secret", [KEY, TOKEN])
def test_credential_and_header_values_are_struck_out_everywhere(secret: str) -> None:
    one = deployment("one", credential=Secret(KEY), headers=((b"x-token", TOKEN.encode()),))
    said = f"Incorrect API key: {secret} (Bearer {secret})"
    fault = Rejected(said, code=said, type_=said, param=said)
    conceal(fault, one)
    shown = [fault.message, fault.error_code, fault.error_type, fault.param, str(fault)]
    assert shown == ["Incorrect API key: *** (Bearer ***)"] * 5


def test_what_is_no_secret_stays() -> None:
    one = deployment("one", credential=Secret("none"), headers=((b"x", b"2"),))
    fault = Rejected("none of 2 is enough")
    conceal(fault, one)
    assert (fault.message, fault.param) == ("none of 2 is enough", None)
