"""Use-cases of the administration, shared by the admin API and the command line."""
