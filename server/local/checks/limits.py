"""The limits of a process that the cluster can outgrow."""

import resource

# The edge alone may hold 10,000 connections, and a file for each to a service.
FILES_MIN = 16_384


def warnings() -> list[str]:
    """What may become too little, with the remedy. Every process already has all that it may."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY or files >= FILES_MIN:
        return []
    few = f"a process may open {files} files here, and with many connections the edge wants"
    return [f"{few} {FILES_MIN}: raise the hard limit (`ulimit -Hn`)"]
