"""Engine: grids of points, one compiled call per chunk, devices."""
