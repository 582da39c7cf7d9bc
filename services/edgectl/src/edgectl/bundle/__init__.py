"""Make, check and look into model bundles. Recipes call `create_bundle`."""

from edgectl.bundle.create import create_bundle

__all__ = ["create_bundle"]
