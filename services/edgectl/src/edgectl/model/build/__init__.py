"""Every step of a recipe.toml."""
