"""`make bench ARGS="--against REV"`: this checkout and another revision, measured in turns.

It knows both trees by their doors only: `emporium up`, `cluster.json`, gRPC with reflection, REST
and the metrics page. So modules may move between them as they like.
"""
