"""Real pictures: which there are, how they are had and verified, and how they are read."""
