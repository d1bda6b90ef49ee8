"""What a program is allowed: the policy file, the named sets, inference from code, trust by hash."""

LOCAL = "casemate.toml"  # what a policy of the working directory is called
