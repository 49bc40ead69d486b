"""MNIST's digits as strokes, and drawn anew as other hands write and other pens draw."""
