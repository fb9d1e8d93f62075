"""Every setting that Overmind reads, one module for each group; `table` has them all."""
