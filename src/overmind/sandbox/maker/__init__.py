"""A swap server in Jupiter's shape with its own inventory. It makes a cluster without Jupiter tradable."""
