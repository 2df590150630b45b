"""`make bench`: what the services cost, each figure beside a baseline measured in the same run."""
