"""The knowledge base: articles that nobody would find or that two of them answer, and the steps that look there."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.checks._beside import no_queue, queues
from ivr.flow.knowledge.articles import FOLDER, Article
from ivr.flow.lint import View, error, lint, warning
from ivr.flow.problems import Problem, nearest
from ivr.flow.understand.lexicon import lexicon
from ivr.flow.understand.tokens import tokens
from ivr.flow.verbs.knowledge import Knowledge

FEWEST = 3
"""Questions below which an article is hard to find."""


@lint
def articles(view: View) -> Iterator[Problem]:
    known = queues(view).keys()
    for article in view.flows.knowledge:
        for number, queue in enumerate(article.about.queues):
            if queue not in known:
                yield no_queue(article.mark("queues", number), queue, known)
        count = len(article.about.questions)
        if count < FEWEST:
            what = f"the article has {count or 'no'} question{'' if count == 1 else 's'}"
            fix = f"write {FEWEST} or more under `questions:`, in the words that people use"
            yield warning(article.mark("questions"), what, fix, "few_questions")


@lint
def languages(view: View) -> Iterator[Problem]:
    spoken = view.company.languages
    everywhere = view.flows.articles
    for language, found in everywhere.items():
        first = next(iter(found.values()))
        if language not in spoken:
            what = f"'{language}' is not one of the company's languages"
            yield warning(first.mark(), what, f"{nearest(language, spoken)}; or add it to company.yaml", "no_language")
    names: dict[str, Article] = {}
    for article in view.flows.knowledge:
        names.setdefault(article.name, article)
    for name, article in names.items():
        for language in spoken:
            if everywhere.get(language) and name not in everywhere[language]:
                what = f"the article '{name}' is missing in '{language}'"
                fix = f"add {FOLDER}/{language}/{name}.md"
                yield warning(article.mark(), what, fix, "missing_translation")


@lint
def alike(view: View) -> Iterator[Problem]:
    """The same question in two articles: customers would get one or the other."""
    for language, found in view.flows.articles.items():
        asked: dict[str, Article] = {}
        for article in found.values():
            for number, question in enumerate(article.about.questions):
                plain = lexicon(language).plain(question) or " ".join(tokens(question))
                first = asked.setdefault(plain, article)
                if first is not article and _together(first, article):
                    what = f"the article '{first.name}' has this question, too"
                    yield warning(article.mark("questions", number), what, "let one article answer it", "same_question")


def _together(one: Article, other: Article) -> bool:
    """Whether there is a day on which both hold."""
    first, second = one.about, other.about
    return not (
        (first.until and second.from_ and first.until < second.from_)
        or (second.until and first.from_ and second.until < first.from_)
    )


@lint
def steps(view: View) -> Iterator[Problem]:
    tags = {tag for article in view.flows.knowledge for tag in article.about.tags}
    for flow, name, step in view.places:
        if not isinstance(step, Knowledge):
            continue
        if not view.flows.articles:
            fix = f"write articles in {FOLDER}/, or remove this step"
            yield warning(view.mark(flow, name), "there are no articles to answer from", fix, "no_articles")
            continue
        for number, tag in enumerate(step.tags):
            if tag not in tags:
                mark = view.mark(flow, name, ("tags", number))
                yield error(mark, f"no article has the tag '{tag}'", nearest(tag, tags), "unknown_tag")
