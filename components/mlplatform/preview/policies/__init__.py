"""What judges a graph or a change: policy packs, and what a person has said of losses."""
