"""Fitting: linear models, stacking, calibration thresholds, the artifact."""
