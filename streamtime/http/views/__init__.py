"""Values for templates: what pages show, ready to be rendered."""
