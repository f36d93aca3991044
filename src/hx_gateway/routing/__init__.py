"""Which deployment is asked, and who is asked next. Decides, does no I/O."""
