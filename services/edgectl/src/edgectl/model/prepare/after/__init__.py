"""What happens after the model: a tensor to answers."""
