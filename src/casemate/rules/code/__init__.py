"""Rules about Python source: one criterion, one file, found by being here."""
