"""What programs that run apart agree on: the only home of each name, path and format that several of them use."""
