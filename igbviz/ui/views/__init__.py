"""One module per page of the app, with the side bars and sections that are large enough for their own."""
