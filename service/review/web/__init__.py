"""What all pages of the desk share: layout, wording, forms, static files."""
