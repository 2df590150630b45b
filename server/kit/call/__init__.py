"""The pipeline that every call runs through: watchers that report, gates that refuse."""
