"""Images as the Open Container Initiative stores them on disk: the blobs they are made of, and what a layer holds."""
