"""Compares what an endpoint was asked lately with what its model was trained on, and asks for retraining if it differs.

Run as `python -m mlplatform.runtime.drift`, with `DRIFT_CONFIG` in the environment, and `REQUEST_CONFIG` where it may
ask for retraining. A run ends with 0 (also where something has drifted, or the data are bad), 1 (AWS or the Pushgateway
failed; run it again) or 2 (the environment is wrong).
"""
