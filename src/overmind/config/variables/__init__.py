"""The settings that Overmind reads, one module per group; `table` lists all."""
