"""A lesson's worksheet: one page of A4 to write on, black on white, in one file of HTML that needs nothing else.

The room that tasks leave is divided among their lines, so that a page is full, whatever the lesson.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

import segno

from igbviz.studies.lessons.parts import Lesson
from igbviz.studies.lessons.worksheet import Task, tasks
from igbviz.ui.worksheet.axes import axes

STYLE = """
@page { size: A4; margin: 0 }
* { box-sizing: border-box }
body { margin: 0; background: #fff; color: #000; font: 10.5pt/1.35 system-ui, "Helvetica Neue", Arial, sans-serif }
section { width: 210mm; height: 297mm; margin: 0 auto; padding: 13mm 17mm 11mm; display: flex; flex-direction: column }
section + section { break-before: page }
section.answers { height: auto; min-height: 297mm }
header, footer { display: flex; justify-content: space-between; gap: 8mm; align-items: baseline }
footer { align-items: end; font-size: 9pt; border-top: .3mm solid #000; padding-top: 1.5mm; margin-top: 3mm }
h1 { font-size: 17pt; line-height: 1.15; margin: 2mm 0 1mm }
h2 { font-size: 10.5pt; margin: 0 }
p { margin: 0 }
.about { font-style: italic; margin-bottom: 2.5mm }
.blank { display: inline-block; border-bottom: .25mm solid #000; min-width: 28mm }
ol { list-style: none; margin: 0; padding: 0; flex: 1; display: flex; flex-direction: column; min-height: 0 }
li { display: flex; flex-direction: column; flex: 1 0 auto; padding: 1.6mm 0 0 }
.choices { display: flex; flex-wrap: wrap; gap: 0 5mm }
.choices span::before { content: ""; display: inline-block; width: 2.8mm; height: 2.8mm; border: .25mm solid #000;
  margin-right: 1.5mm }
.lines { flex: 1; min-height: 7.5mm; contain: size; overflow: hidden }
.lines i { display: block; height: 7.5mm; padding-top: 1mm; border-bottom: .25mm solid #777 }
a { color: inherit }
figure { margin: 2mm 0 0 }
svg { display: block; width: 100%; height: 43mm }
svg.code { width: 15mm; height: 15mm; flex: none; margin: -1mm 0 -2mm }
svg text { font: 10px system-ui, "Helvetica Neue", Arial, sans-serif }
nav { max-width: 210mm; margin: 0 auto; padding: 4mm 17mm 0; display: flex; gap: 6mm }
@media print { nav { display: none } }
@media screen and (max-width: 210mm) {
  section { width: auto; height: auto; padding: 5mm }
  header, footer { flex-wrap: wrap }
  svg { height: auto }
}
"""


def worksheet(lesson: Lesson, address: str, answers: Mapping[str, tuple[str, str]] | None = None) -> str:
    """The page of HTML. `address` of the lesson stands at its foot; `answers`, by the names of the guesses, make a
    second page, and None leaves it out."""
    asked = tasks(lesson)
    pages = [_questions(lesson, asked, address)]
    if answers is not None:
        pages.append(_answers(lesson, asked, answers))
    other = '<a href="?">Without the answers</a>' if answers is not None else '<a href="?answers">With the answers</a>'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(lesson.title)}: worksheet</title>
<style>{STYLE}</style>
</head>
<body>
<nav><button type="button" onclick="print()">Print</button>{other}</nav>
<main>
{"".join(pages)}
</main>
</body>
</html>
"""


def _questions(lesson: Lesson, asked: list[Task], address: str) -> str:
    items = "".join(_task(number, task) for number, task in enumerate(asked, 1))
    return f"""<section>
<header><span>Name <span class="blank" style="min-width: 70mm"></span></span>
<span>Date <span class="blank"></span></span></header>
<h1>{escape(lesson.title)}</h1>
<p class="about">{escape(lesson.about)}</p>
<h2>Draw what you expect before you run anything</h2>
{axes(lesson)}
<ol>{items}</ol>
<footer><span>The lesson, about {lesson.minutes} minutes: <a href="{escape(address)}">{escape(address)}</a></span>
{_code(address)}</footer>
</section>
"""


def _code(address: str) -> str:
    """The address for the camera of a phone; the program's name where the page is a file that nobody serves."""
    if not address.startswith("http"):
        return "<span>igbviz</span>"
    return segno.make_qr(address, error="l").svg_inline(border=1, svgclass="code", lineclass=None, omitsize=True)


def _task(number: int, task: Task) -> str:
    """A question; below it room for the guess and for what came out, or lines to write on."""
    if task.guess is None:
        room = _lines()
    elif task.choices:
        boxes = "".join(f"<span>{marked(choice)}</span>" for choice in task.choices)
        room = f'<div class="choices">{boxes}</div>{_lines("Why?")}'
    else:
        blank = f'<span class="blank"></span> {escape(task.unit)}'
        room = f"<p>My guess {blank} &emsp; It was {blank}</p>{_lines('Why?')}"
    return f"<li><p>{_head(number, task)} {marked(task.question)}</p>{room}</li>"


def _head(number: int, task: Task) -> str:
    return f"<b>{number}. {escape(task.title)}{'' if task.title[-1] in '?!.' else '.'}</b>"


def _lines(first: str = "") -> str:
    """Lines to write on: as many as there is room for, the rest is cut off."""
    return f'<div class="lines"><i>{first}</i>{"<i></i>" * 20}</div>'


def _answers(lesson: Lesson, asked: list[Task], answers: Mapping[str, tuple[str, str]]) -> str:
    items = "".join(f"<li>{_answer(number, task, answers)}</li>" for number, task in enumerate(asked, 1))
    return f"""<section class="answers">
<h1>Answers: {escape(lesson.title)}</h1>
<p class="about">Computed from the runs of this lesson on this machine.</p>
<ol style="flex: none">{items}</ol>
</section>
"""


def _answer(number: int, task: Task, answers: Mapping[str, tuple[str, str]]) -> str:
    head = _head(number, task)
    if task.guess is None:
        return f"<p>{head} An open question: what counts is what was tried, and what was seen.</p>"
    if task.guess.name not in answers:
        return f"<p>{head} Not known yet: go through the lesson once on this machine, then load this page again.</p>"
    value, sentence = answers[task.guess.name]
    return f"<p>{head} <b>{marked(value)}</b>. {marked(sentence)}</p>"


def marked(text: str) -> str:
    """A sentence of Markdown as HTML: bold and italic type, and nothing else."""
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text))
    return re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)
