"""What may help a network that did not learn well, one file for each thing that may be at fault.

`spec/suggestions.py` decides which of it is suggested.
"""
