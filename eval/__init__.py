"""How we know: gold questions, metrics, calibration, reports and benchmarks."""
