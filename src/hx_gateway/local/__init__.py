"""Models and vectors on this machine: the child processes and what runs in them."""
