"""What the pages share. The only package that imports Streamlit."""
