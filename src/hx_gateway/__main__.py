"""`python -m hx_gateway` is the command `hx-gateway`."""

import sys

from hx_gateway.cli.main import main

sys.exit(main())
