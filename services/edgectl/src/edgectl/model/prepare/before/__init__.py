"""What happens before the model: pixels to a tensor."""
