"""`{exercise-list}`: the exercises of all chapters, with links to them and their solutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node


class exercise_list(nodes.General, nodes.Element):  # noqa: N801 (docutils writes nodes so)
    """Where the list will stand: it can be made only when all pages have been read."""


class ExerciseList(SphinxDirective):
    """Mark the place."""

    def run(self) -> list[nodes.Node]:
        """Return the mark, and note the page as one that has it."""
        self.env.metadata[self.env.docname]["exercise-list"] = True
        return [exercise_list()]


class FillExerciseList(SphinxPostTransform):
    """Put the exercises where the mark stands."""

    default_priority = 4  # before sphinx-exercise and Sphinx resolve references

    def run(self, **kwargs: Any) -> None:
        """Replace each mark by a title and a list for every chapter with exercises."""
        for mark in list(self.document.findall(exercise_list)):
            mark.replace_self([part for page in pages(self.env) for part in self.chapter(page)])

    def chapter(self, page: str) -> list[nodes.Node]:
        """Return a chapter's title and its exercises, in their order."""
        doctree = self.env.get_doctree(page)
        solutions = {s["target_label"]: s["label"] for s in doctree.findall(solution_node)}
        exercises = doctree.findall(exercise_enumerable_node)
        items = [self.item(exercise, solutions.get(exercise["label"])) for exercise in exercises]
        if not items:
            return []
        link = self.reference("doc", f"/{page}", chapter_title(self.env, page), explicit=True)
        return [nodes.rubric("", "", link), nodes.bullet_list("", *items)]

    def item(self, exercise: nodes.Element, solution: str | None) -> nodes.list_item:
        """Return an exercise's number, its first paragraph, and the way to its solution."""
        number = self.reference("numref", exercise["label"], exercise["label"])
        line = nodes.paragraph("", "", number, nodes.Text(": "), *self.first_words(exercise))
        if solution:
            line += [nodes.Text(" "), self.reference("ref", solution, "Solution", explicit=True)]
        return nodes.list_item("", line)

    def first_words(self, exercise: nodes.Element) -> list[nodes.Node]:
        """Return copies of what stands in the exercise's first paragraph, without its citations."""
        paragraph = next(exercise.findall(nodes.paragraph)).deepcopy()
        for citation in list(paragraph.findall(nodes.footnote_reference)):
            siblings = citation.parent.children
            before = siblings.index(citation) - 1
            if before >= 0 and isinstance(siblings[before], nodes.Text):
                siblings[before] = nodes.Text(siblings[before].rstrip())
            citation.parent.remove(citation)
        for link in paragraph.findall(pending_xref):
            link["refdoc"] = self.env.docname  # where its address will begin
        for copied in paragraph.findall(nodes.Element):
            copied["ids"] = []
        return list(paragraph.children)

    def reference(self, kind: str, target: str, words: str, explicit: bool = False) -> pending_xref:
        """Return a reference for Sphinx to resolve, as a role in the text would."""
        options = {"reftype": kind, "refdomain": "std", "reftarget": target, "refwarn": True}
        inner = nodes.inline("", words, classes=["std", f"std-{kind}"])
        return pending_xref("", inner, refdoc=self.env.docname, refexplicit=explicit, **options)


def pages(env: BuildEnvironment, page: str | None = None) -> Iterator[str]:
    """Yield the pages in the order of the table of contents."""
    page = page or env.config.root_doc
    yield page
    for below in env.toctree_includes.get(page, []):
        yield from pages(env, below)


def chapter_title(env: BuildEnvironment, page: str) -> str:
    """Return a page's title with its number, if it has one, as Sphinx writes it elsewhere."""
    number = "".join(f"{part}." for part in env.toc_secnumbers.get(page, {}).get("") or ())
    return f"{number} {env.titles[page].astext()}".strip()


def refresh(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Have pages with a list written anew: any other page may have changed it."""
    return [page for page in env.found_docs if env.metadata[page].get("exercise-list")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and what fills it."""
    app.add_node(exercise_list)
    app.add_directive("exercise-list", ExerciseList)
    app.add_post_transform(FillExerciseList)
    app.connect("env-updated", refresh)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
