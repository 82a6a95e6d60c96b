"""Pictures to probability maps: the scale, tiles, and the network's prediction."""
