"""The points of a learning curve, and what they are compared with: accuracy, the baseline, how training ended.

`spec/learning_curve.py` says what they show together.
"""
