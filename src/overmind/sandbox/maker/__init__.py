"""A swap server in the shape of Jupiter's, with its own inventory: what makes a cluster without Jupiter tradable."""
