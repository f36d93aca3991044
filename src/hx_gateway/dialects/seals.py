"""How a signature of Responses is told from one of Messages, where both meet in the hub."""

RESPONSES_SEAL = "responses:"
