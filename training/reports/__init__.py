"""Reports as HTML and SVG, and the model card."""
