"""An upstream that gives back what it was sent must not hand our credential to a client."""

from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.route import Deployment

MARK = "***"
_SHORTEST = 8  # shorter values are no secrets, and would strike out ordinary words


def conceal(fault: UpstreamError, deployment: Deployment) -> None:
    """Strike the credential and the configured header values out of what a fault says."""
    found = [value.decode("latin-1") for _, value in deployment.headers]
    if deployment.credential is not None:
        found.append(deployment.credential.reveal())
    for secret in found:
        if len(secret) < _SHORTEST:
            continue
        fault.message = fault.message.replace(secret, MARK)
        fault.error_type = fault.error_type.replace(secret, MARK)
        fault.error_code = fault.error_code and fault.error_code.replace(secret, MARK)
        fault.param = fault.param and fault.param.replace(secret, MARK)
    fault.args = (fault.message,)
