"""The operators' command: `emporium up`, `down`, `status` and the others in `emporium --help`."""
