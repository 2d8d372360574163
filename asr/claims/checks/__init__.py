"""What of a run is checked, a file for each kind of thing."""
