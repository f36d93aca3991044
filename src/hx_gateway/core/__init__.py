"""The nouns everything else is made of: values, errors and ports. No I/O."""
