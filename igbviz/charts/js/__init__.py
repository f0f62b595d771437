"""The charts as they move in a browser: small ES modules and their styles, for the app's pages and for notebooks."""

from pathlib import Path

import plotly

FOLDER = Path(__file__).parent
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
