"""What is made of a graph or a change: text, comments, SARIF, manifests, and inputs of other tools."""
