"""Personal data: what is held of people in every service, to hand out and to erase."""
