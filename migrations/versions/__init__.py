"""The steps, numbered, one purpose each."""
