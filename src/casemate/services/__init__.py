"""What starts helpers of our own: worker processes, our own command. Never the target: that is the sandbox alone."""
