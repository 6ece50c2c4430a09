"""simx: which backend is faster for image embeddings, by how much, and is it still the same vector.

This package is organised in rooms whose imports point one way:
``errors, models -> images -> results -> workers -> exporter -> runner``; ``report`` renders what
``results`` holds, and only ``cli`` sees everything. See CONTRIBUTING.md.
"""

__version__ = "0.1.0"
