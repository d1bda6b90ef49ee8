"""What runs in the guest: its init, which makes the world that a plan describes and starts the program in it."""
