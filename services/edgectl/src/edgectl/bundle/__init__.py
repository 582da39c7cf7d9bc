"""Make, check and look into model bundles. Recipes call `edgectl.bundle.create.create_bundle`."""
