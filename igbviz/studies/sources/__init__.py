"""The sources of the program, statement by statement: where each is shown, and what is missing."""

from igbviz.studies.sources.paper import PAPER
from igbviz.studies.sources.review import REVIEW
from igbviz.studies.sources.statement import Place, Source, State, Statement
from igbviz.studies.sources.talk import TALK

SOURCES = {"paper": PAPER, "review": REVIEW, "talk": TALK}

__all__ = ["SOURCES", "Place", "Source", "State", "Statement"]
