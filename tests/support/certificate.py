"""A self-signed certificate, made with the openssl command."""

import ssl
import subprocess
from pathlib import Path


def server_context(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """Make a server's TLS context for `name` (and 127.0.0.1); gives the certificate file too."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    san = f"subjectAltName=DNS:{name}" + (",IP:127.0.0.1" if name == "localhost" else "")
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} -addext {san}"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert
