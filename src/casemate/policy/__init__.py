"""What a program is allowed: the policy file, the named sets, inference from code, trust by hash."""
