"""The index beside the journal that finds orders, moves and refusals of any age."""
