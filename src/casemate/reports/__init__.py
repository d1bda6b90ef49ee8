"""Report → text, JSON, SARIF. One format, one file; each is a pure function of the model and judges nothing."""
