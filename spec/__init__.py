"""The contract: what a job is, its states, what the API answers. Knows pydantic and nothing else."""

VERSION = "0.1.0"
"""The version of Epochal: the package, the image and the API's description say this one."""
