"""Personal data: what this service holds of people, to erase and to hand out."""
