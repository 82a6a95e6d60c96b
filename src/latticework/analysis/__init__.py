"""From probability maps to atoms, and from atoms to bonds, rings, strain and physical limits."""
