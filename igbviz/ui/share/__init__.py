"""What a viewer takes along from the stage: files and codes made by our server, and links that leave parts out."""
