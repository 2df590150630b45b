"""The pipeline that every call runs through: watchers that report, guards that refuse."""
