"""Kill real training over and over, resume it, and see that nothing was lost and the run is the same run."""
