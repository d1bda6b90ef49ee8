"""A small shop with a handful of genuine holes, for casemate to find, and to hold when they are used.

Never put it on a network: it is here to be broken into.
"""
