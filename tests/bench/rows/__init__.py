"""One question each; `measure(stage)` answers with rows of the table."""
