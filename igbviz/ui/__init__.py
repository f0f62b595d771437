"""Widgets, charts and views shared by the pages; the only package that imports Streamlit."""
